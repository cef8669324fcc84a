// Start a server with `thalweg serve`, then `swift run` here. Run it twice at the same time to see
// each program's players in the other one.
import ThalwegRecords

@RecordMember struct Position {
    var x: Float
    var y: Float
}

@Record("quickstart.players") struct Player {
    @Key var id: UInt64
    @Max(32) var name: String
    var health: Int32
    var position: Position
    var shield: Float?
}

@main
struct Quickstart {
    static func main() async {
        let address = CommandLine.arguments.dropFirst().first ?? "127.0.0.1:3727"
        do {
            let client = try await ThalwegClient.connect(
                to: address,
                options: ClientOptions(name: "quickstart")
            )
            let players = try await client.topic(of: Player.self)
            let first = try await writeAndRead(players)
            try await watch(players, first)
            try await players.retract(first)
            try await client.close()
        } catch {
            print(error)
        }
    }

    /// Writes ten players in one request, hurts one, and reads it back.
    static func writeAndRead(_ players: TypedTopic<Player>) async throws -> UInt64 {
        let first = UInt64(players.client.source.rawValue) * 1_000
        var batch = players.batch(acknowledgement: .committed)
        for number in 0..<10 {
            let position = Position(x: Float(number), y: 0)
            try batch.put(
                Player(
                    id: first + UInt64(number),
                    name: "player \(number)",
                    health: 100,
                    position: position,
                    shield: nil
                )
            )
        }
        let answer = try await players.write(&batch)
        print("\(answer.counts?.accepted ?? 0) players written")

        let hurt = try await players.patch(first) { $0.health = 30 }
        let read = try await players.get(first, notBefore: hurt.offset)
        print("health of player \(first): \(read?.health ?? 0)")
        return first
    }

    /// Keeps a local copy, and waits for a player to get weak.
    static func watch(_ players: TypedTopic<Player>, _ first: UInt64) async throws {
        // Reading the copy waits for nothing.
        let replica = try await players.client.replica(of: Player.self)
        try await replica.ready()
        print(
            "\(replica.count) players in the copy, the first is \(replica[first]?.name ?? "gone")"
        )

        let weak = try await players.subscribe(from: .now, filter: "health < 20")
        try await players.patch(first) { $0.health = 3 }
        var deliveries = weak.makeAsyncIterator()
        while let delivery = try await deliveries.next() {
            for change in delivery.changes { print("\(change.kind): player \(change.key)") }
            if !delivery.changes.isEmpty { return }
        }
    }
}
