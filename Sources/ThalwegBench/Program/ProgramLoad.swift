import Foundation
import ThalwegModel

/// A module of `--program`, and writes that it accepts: puts at keys of 64 bits, again and again, in a
/// topic of bytes.
struct ProgramLoad: Sendable {
    /// Keys that are written.
    static let keys: UInt64 = 1_000
    /// Where `make modules` leaves the examples.
    static let folder = "Programs/.build/programs"

    /// What is put.
    private enum Values {
        /// As many bytes as asked for.
        case plain
        /// Transfers between accounts.
        case transfers
        /// Steps of a counter.
        case steps
        /// As `plain`, behind a digit.
        case digits
    }

    /// Examples that such writes do not fit, and why.
    private static let unfit = [
        "AcceptEven": "it refuses every second write",
        "even": "it refuses every second write",
        "Moves": "it needs a topic of rows, and a board",
        "Sequence": "it takes each key once",
        "Stutter": "it needs keys that are strings",
    ]

    let name: String
    let module: [UInt8]
    private let values: Values

    /// - Parameter program: a name in ``folder``, or the path of a module.
    init(_ program: String) throws(ThalwegError) {
        let isPath = program.contains("/") || program.hasSuffix(".wasm")
        let file = URL(fileURLWithPath: isPath ? program : "\(Self.folder)/\(program).wasm")
        let name = file.deletingPathExtension().lastPathComponent
        if let reason = Self.unfit[name] {
            throw ThalwegError(
                .invalidConfiguration, "there are no writes to measure '\(name)' with: \(reason)",
                advice: "measure PassThrough, DoNothing, Counter, Transfer, gate, or a module of "
                    + "your own that accepts puts of bytes at keys of 64 bits")
        }
        do {
            module = Array(try Data(contentsOf: file))
        } catch {
            throw ThalwegError(
                .invalidConfiguration,
                "there is no module '\(file.path)': \(error.localizedDescription)",
                advice: "build the examples with 'make modules', or name a module's file")
        }
        self.name = name
        values =
            switch name {
            case "Transfer": .transfers
            case "Counter": .steps
            case "gate": .digits
            default: .plain
            }
    }

    /// What the program is deployed with.
    var arguments: [UInt8] {
        // A gate that is never shut.
        if case .digits = values { return [255, 255, 255, 255] }
        return []
    }

    /// What each key is given before anything is measured; `nil` where nothing is needed.
    var first: [UInt8]? {
        if case .transfers = values { return Self.bytes(1 << 40) }
        return nil
    }

    /// The value of the write with a number, at key `number % keys`; a plain put's has the size asked
    /// for.
    func value(_ number: UInt64, putBytes: Int) -> [UInt8] {
        switch values {
        case .plain:
            return Self.plain(putBytes)
        case .transfers:
            // In each round over the keys an account gives as much as it takes.
            return Self.bytes(1) + Self.bytes((number &+ 1) % Self.keys)
        case .steps:
            return Self.bytes(1)
        case .digits:
            return [UInt8(ascii: "7")] + Self.plain(max(putBytes - 1, 0))
        }
    }

    /// The program does not take these writes: measuring how it refuses them would mislead.
    func refused(_ count: UInt64, of writes: UInt64) -> ThalwegError {
        ThalwegError(
            .invalidConfiguration, "'\(name)' did not accept \(count) of \(writes) writes",
            advice: "name a program that accepts puts of bytes at keys of 64 bits")
    }

    private static func plain(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    }

    private static func bytes(_ number: UInt64) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }
}
