// The payload of an entry that holds the members, as C-Raft reads it, little-endian:
//
//   u8 1 │ u64 count │ count × ( u64 id │ text, ended by a zero │ u8 role: 0 learner, 1 voter )
//
// The text is the address for nodes and, behind a blank, the one for clients, if there is one, and
// " learner" behind both for one that stays a learner.
// The core's own decoder trusts what it reads, so nothing gets there that was not decoded here.
public import ThalwegModel

extension Membership {
    private static let format: UInt8 = 1

    /// The payload of a membership entry.
    public func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: 9 + members.count * 32)
        writer.integer(Self.format)
        writer.integer(UInt64(members.count))
        for member in members {
            writer.integer(member.id.rawValue)
            for byte in member.addresses.utf8 { writer.integer(byte) }
            writer.integer(UInt8(0))
            writer.integer(member.role.rawValue)
        }
        return writer.bytes
    }

    /// Throws `log_damaged` for bytes that are no members.
    public init(decoding payload: [UInt8]) throws(ThalwegError) {
        var rest = payload[...]
        guard rest.popFirst() == Self.format, let count = Self.integer(&rest),
            count >= 1, count <= UInt64(Self.maximumMembers)
        else { throw Self.damaged() }
        var members: [Member] = []
        for _ in 0..<count {
            guard let id = Self.integer(&rest), let end = rest.firstIndex(of: 0),
                let addresses = String(validating: rest[..<end], as: UTF8.self)
            else { throw Self.damaged() }
            rest = rest[(end + 1)...]
            guard let byte = rest.popFirst(), let role = Member.Role(rawValue: byte) else {
                throw Self.damaged()
            }
            guard let member = Member(NodeID(id), addresses: addresses, role: role) else {
                throw Self.damaged()
            }
            members.append(member)
        }
        self.init(members)
        guard rest.isEmpty, Set(members.map(\.id)).count == members.count,
            Set(members.map(\.address)).count == members.count
        else { throw Self.damaged() }
        do throws(ThalwegError) {
            _ = try checked()
        } catch {
            throw Self.damaged()
        }
    }

    private static func integer(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        guard bytes.count >= 8 else { return nil }
        defer { bytes = bytes.dropFirst(8) }
        return bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func damaged() -> ThalwegError {
        ThalwegError(
            .logDamaged, "an entry does not hold the members it should",
            advice: "remove this node and add it anew")
    }
}
