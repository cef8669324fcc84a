import NIOCore
import ThalwegEngine
package import ThalwegModel

extension Server {
    /// Makes this node's state of a topic wrong by one bit, as broken memory would. For tests.
    package func spoil(_ topic: TopicID) async throws -> Bool {
        let partition = node.partition(topic)
        return try await partition.loop.submit { try partition.partition.spoil(topic) }.get()
    }

    /// How often this node, leading, had the states of these topics compared. For tests.
    package func comparisons(_ topics: [TopicID]) async throws -> [Int] {
        var counts: [Int] = []
        for topic in topics {
            let partition = node.partition(topic)
            counts.append(
                try await partition.loop.submit { partition.checks.said[topic] ?? 0 }.get())
        }
        return counts
    }

    /// Runs `body` on one of the event loops, which does nothing else meanwhile. For tests.
    package func occupy(loop number: Int, _ body: @escaping @Sendable () -> Void) {
        node.loops[number].loop.execute(body)
    }
}
