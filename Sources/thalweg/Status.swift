import ArgumentParser
import ThalwegClient
import ThalwegText

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show a server's counters.")

    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.withClient { client in
            let status = try await client.status()
            if access.json {
                writeLine(
                    JSON.object(
                        status.counters.map {
                            JSON.Member(name: $0.name, value: .unsigned($0.value))
                        }
                    ).text)
                return
            }
            var table = Table(header: nil)
            for counter in status.counters { table.append([counter.name, "\(counter.value)"]) }
            writeLine(table.text)
        }
    }
}
