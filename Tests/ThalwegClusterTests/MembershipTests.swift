import Testing
import ThalwegModel

@testable import ThalwegCluster

@Suite("Members")
struct MembershipTests {
    private static let members = [
        Member(NodeID(1), address: "10.0.0.1:7979", clientAddress: "10.0.0.1:7878"),
        Member(NodeID(2), address: "b:2"),
        Member(NodeID(3), address: "[::1]:3", clientAddress: "c:3", role: .learner),
    ]

    @Test("keep both addresses in the log, also without one for clients")
    func bothAddressesAreKept() throws {
        let membership = Membership(Self.members)
        let again = try Membership(decoding: membership.encoded())
        #expect(again == membership)
        #expect(again[NodeID(1)]?.clientAddress == "10.0.0.1:7878")
        #expect(again[NodeID(2)]?.clientAddress == "")
    }

    @Test(
        "refuse addresses that would not come back as they are",
        arguments: ["", "a b", "a ", " a", "a\u{0}", "a\n", String(repeating: "x", count: 256)])
    func impossibleAddresses(text: String) throws {
        let membership = Membership(Self.members)
        let code = #expect(throws: ThalwegError.self) {
            try membership.adding(Member(NodeID(9), address: text))
        }
        #expect(code?.code == .invalidConfiguration)
        guard !text.isEmpty else { return }
        #expect(throws: ThalwegError.self) {
            try membership.adding(Member(NodeID(9), address: "d:4", clientAddress: text))
        }
    }

    @Test("refuse bytes with more blanks or fewer words than two addresses have")
    func strictDecoding() {
        for text in [" a", "a ", "a b c", "a  b", " "] {
            let bytes: [UInt8] =
                [1] + [1, 0, 0, 0, 0, 0, 0, 0] + [7, 0, 0, 0, 0, 0, 0, 0] + Array(text.utf8) + [
                    0, 1,
                ]
            #expect(throws: ThalwegError.self, "'\(text)'") { try Membership(decoding: bytes) }
        }
    }

    @Test("have addresses for nodes of their own; those for clients may be shared")
    func uniqueAddresses() throws {
        let membership = Membership(Self.members)
        #expect(throws: ThalwegError.self) {
            try membership.adding(Member(NodeID(9), address: "b:2", clientAddress: "other:1"))
        }
        let shared = Member(NodeID(9), address: "d:4", clientAddress: "c:3", role: .learner)
        #expect(try membership.adding(shared)[NodeID(9)] == shared)
    }
}
