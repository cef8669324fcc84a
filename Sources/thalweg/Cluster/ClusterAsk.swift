import ArgumentParser
import ThalwegClient
import ThalwegModel
import ThalwegText

/// The identity of a node as `thalweg cluster status` prints it.
struct NodeNumber: ExpressibleByArgument {
    let value: UInt64

    init?(argument: String) {
        guard let value = UInt64(argument, radix: 16), value != 0 else { return nil }
        self.value = value
    }
}

extension ServerAccess {
    /// How often a node that does not lead may send the command on: leaders can change meanwhile.
    private static let longestWay = 10
    private static let pause = Duration.milliseconds(200)

    /// The cluster as the node knows it that is asked.
    func clusterStatus() async throws -> ClusterInfo {
        try await withClient { try await $0.clusterStatus() }
    }

    /// Asks the node that leads, wherever it is, and waits while another change is under way.
    func change(_ action: ChangeMembers.Action) async throws {
        var access = self
        var isBusyTold = false
        var steps = 0
        while true {
            do throws(ThalwegError) {
                return try await access.ask(action)
            } catch {
                switch error.code {
                case .notLeader where steps < Self.longestWay:
                    steps += 1
                    if let address = error.address { access.server = address }
                case .membershipBusy:
                    if !isBusyTold { write("waiting: \(error.message)\n", to: .error) }
                    isBusyTold = true
                default: throw error
                }
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    private func ask(_ action: ChangeMembers.Action) async throws(ThalwegError) {
        do {
            try await withClient { try await $0.changeCluster(action) }
        } catch let error as ThalwegError {
            throw error
        } catch {
            throw ThalwegError(.connectionLost, describe(error))
        }
    }

    /// Prints what became of it.
    func report(_ text: String) {
        writeLine(json ? JSON.members(["done": .string(text)]).text : text)
    }
}
