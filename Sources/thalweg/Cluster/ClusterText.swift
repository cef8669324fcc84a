import ThalwegClient
import ThalwegServer
import ThalwegText

/// How a cluster is printed.
enum ClusterText {
    static func table(_ info: ClusterInfo) -> String {
        guard info.role != .alone else {
            return "this node stands alone: it is no member of a cluster"
        }
        var head = Table(header: nil)
        head.append(["cluster", String(info.cluster, radix: 16)])
        head.append(["leader", info.leader == 0 ? "none known" : node(info.leader)])
        head.append(["term", "\(info.term)"])
        head.append(["committed", "\(info.committedIndex)"])
        head.append(["asked", "\(node(info.node)), \(info.role.name)"])
        var members = Table(header: ["node", "role", "clients", "nodes", "on disk", "lag"])
        for member in info.members {
            let match = member.matchIndex
            members.append([
                node(member.node), role(member, info), member.clientAddress, member.address,
                match.map { "\($0)" } ?? "-",
                match.map { "\(info.lastIndex - min($0, info.lastIndex))" } ?? "-",
            ])
        }
        return head.text + "\n\n" + members.text
    }

    static func json(_ info: ClusterInfo) -> JSON {
        .members([
            "cluster": .string(String(info.cluster, radix: 16)), "node": .string(node(info.node)),
            "role": .string(info.role.name), "term": .unsigned(info.term),
            "leader": info.leader == 0 ? .null : .string(node(info.leader)),
            "committed_index": .unsigned(info.committedIndex),
            "applied_index": .unsigned(info.appliedIndex),
            "last_index": .unsigned(info.lastIndex),
            "members": .array(
                info.members.map { member in
                    .members([
                        "node": .string(node(member.node)), "role": .string(role(member, info)),
                        "address": .string(member.address),
                        "client_address": .string(member.clientAddress),
                        "match_index": member.matchIndex.map { .unsigned($0) } ?? .null,
                    ])
                }),
        ])
    }

    static func made(
        _ made: ClusterDirectory.Made, directory: String, isJSON: Bool
    ) -> String {
        guard !isJSON else {
            return JSON.members([
                "cluster": .string(made.cluster), "node": .string(made.node),
                "address": .string(made.address), "client_address": .string(made.clientAddress),
            ]).text
        }
        return """
            cluster \(made.cluster), node \(made.node)
            clients reach it at \(made.clientAddress), nodes at \(made.address)
            start it with: thalweg serve --data \(directory)
            """
    }

    static func node(_ number: UInt64) -> String { String(number, radix: 16) }

    private static func role(_ member: ClusterInfo.Member, _ info: ClusterInfo) -> String {
        if member.node == info.leader { return "leader" }
        return member.isVoter ? "voter" : "learner"
    }
}
