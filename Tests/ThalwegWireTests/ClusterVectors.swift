import ThalwegModel
import ThalwegWire

extension Vector {
    static func cluster() throws -> [Vector] {
        let members = [
            ClusterInfo.Member(
                node: 0x11, isVoter: true, address: "10.0.0.1:7979", clientAddress: "10.0.0.1:7878",
                matchIndex: 902),
            ClusterInfo.Member(
                node: 0x22, isVoter: false, address: "10.0.0.2:7979",
                clientAddress: "10.0.0.2:7878", matchIndex: 0),
            ClusterInfo.Member(
                node: 0x33, isVoter: true, address: "10.0.0.3:7979", clientAddress: ""),
        ]
        let info = ClusterInfo(
            cluster: 77, node: 0x11, role: .leader, term: 5, leader: 0x11, committedIndex: 901,
            appliedIndex: 900, lastIndex: 902, members: members)
        let reports = [
            try message("cluster", "cluster_status", id: 40, ClusterStatusRequest()),
            try message(
                "cluster", "cluster_info", id: 40, info,
                [
                    ("cluster", "77"), ("node", "17"), ("role", "leader"), ("term", "5"),
                    ("leader", "17"), ("committed", "901"), ("applied", "900"), ("last", "902"),
                    ("member_0", "17 voter 10.0.0.1:7979 10.0.0.1:7878 match 902"),
                    ("member_1", "34 learner 10.0.0.2:7979 10.0.0.2:7878 match 0"),
                    ("member_2", "51 voter 10.0.0.3:7979, no address for clients, no match"),
                ]),
            try message(
                "cluster", "cluster_info_alone", id: 40,
                ClusterInfo.alone(committedIndex: 9, appliedIndex: 9, lastIndex: 10),
                [
                    ("cluster", "0"), ("node", "0"), ("role", "alone"), ("committed", "9"),
                    ("applied", "9"), ("last", "10"), ("members", "0"),
                ]),
        ]
        return try reports + changes()
    }

    private static func changes() throws -> [Vector] {
        let add = ChangeMembers.Action.add(
            node: 0x22, address: "10.0.0.2:7979", clientAddress: "10.0.0.2:7878")
        let actions: [(String, ChangeMembers.Action)] = [
            ("add", add), ("promote", .promote(node: 0x22)), ("demote", .demote(node: 0x22)),
            ("remove", .remove(node: 0x22)), ("transfer", .transfer(node: 0x22)),
            ("transfer_to_furthest", .transfer(node: nil)), ("snapshot", .snapshot),
            ("admit", .admit(node: 0x22)),
        ]
        return try actions.map { (name, action) in
            var fields = [("action", name)]
            switch action {
            case .add(let node, let address, let clientAddress):
                fields += [
                    ("node", String(node)), ("address", address),
                    ("client_address", clientAddress),
                ]
            case .promote(let node), .demote(let node), .remove(let node), .admit(let node):
                fields += [("node", String(node))]
            case .transfer(let node): fields += [("node", String(node ?? 0))]
            case .snapshot: fields += [("node", "0")]
            }
            return try message(
                "cluster", "change_members_\(name)", id: 41, ChangeMembers(action), fields)
        }
    }
}
