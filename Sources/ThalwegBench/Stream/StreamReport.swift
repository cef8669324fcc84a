/// One row of `bench topic`: so many clients, each with so many messages.
public struct StreamCell: Codable, Sendable {
    public var nodes = 1
    public var clients: Int
    /// Of each client.
    public var messages: Int
    @Nullable public var program: String?
    public var inFlight: Int
    /// From the first message until the last answer of the slowest client, by all messages.
    public var usPerMessage: Double
    /// The least and the greatest of the runs of which this is the median.
    @Nullable public var leastUsPerMessage: Double?
    @Nullable public var greatestUsPerMessage: Double?
    /// The same without the program, in turns with it.
    @Nullable public var plainUsPerMessage: Double?
    @Nullable public var ratioToPlain: Double?
    /// From the sending of a message until its answer.
    public var p50Us: Double
    public var p99Us: Double
    @Nullable public var fsyncs: UInt64?
    @Nullable public var messagesPerFsync: Double?
    /// Processor time of the server, or of all nodes, and of all clients.
    @Nullable public var serverCpuUsPerMessage: Double?
    public var clientCpuUsPerMessage: Double
    /// Messages whose answer was not that they are accepted, of all runs.
    public var errors: Int

    /// The run in the middle, by the time of a message.
    static func median(of runs: [StreamCell]) -> StreamCell {
        precondition(!runs.isEmpty, "a row has a run at least")
        let sorted = runs.sorted { $0.usPerMessage < $1.usPerMessage }
        var cell = sorted[sorted.count / 2]
        cell.leastUsPerMessage = sorted.first?.usPerMessage
        cell.greatestUsPerMessage = sorted.last?.usPerMessage
        cell.errors = runs.reduce(0) { $0 + $1.errors }
        return cell
    }
}

/// What `bench topic` found.
public struct StreamReport: Report {
    public var scenario = "topic"
    public var commandLine: [String]
    public var machine: Machine
    public var valueBytes: Int
    public var fsync: String
    /// Of each number of nodes the first has one client with one message in flight.
    public var cells: [StreamCell]

    public var rows: [(label: String, figure: String)] {
        cells.map { cell in
            let clients = cell.clients == 1 ? "1 client" : "\(cell.clients) clients"
            let nodes = cell.nodes == 1 ? "1 node" : "\(cell.nodes) nodes"
            return (
                "\(nodes), \(clients), \(cell.inFlight) in flight",
                "\(Figure.text(cell.usPerMessage, 2)) µs a message, p50 "
                    + "\(Figure.text(cell.p50Us, 0)), p99 \(Figure.text(cell.p99Us, 0)) µs, "
                    + Figure.optional(cell.messagesPerFsync, 1, " a sync") + ", server "
                    + Figure.optional(cell.serverCpuUsPerMessage, 2, " µs of CPU, ")
                    + "\(cell.errors) errors"
                    + (cell.ratioToPlain.map { ", \(Figure.text($0, 2)) × plain" } ?? "")
            )
        }
    }
}
