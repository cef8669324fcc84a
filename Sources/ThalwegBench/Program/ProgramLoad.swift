import Foundation
import ThalwegModel

/// A module of `--program`, and writes that it accepts: transfers between accounts for the example
/// of that name, puts of other programs.
struct ProgramLoad: Sendable {
    /// Keys that are written.
    static let keys: UInt64 = 1_000
    /// Where `make modules` leaves the examples.
    static let folder = "Programs/.build/programs"

    let name: String
    let module: [UInt8]
    private let isTransfers: Bool

    /// - Parameter program: a name in ``folder``, or the path of a module.
    init(_ program: String) throws(ThalwegError) {
        let isPath = program.contains("/") || program.hasSuffix(".wasm")
        let file = URL(fileURLWithPath: isPath ? program : "\(Self.folder)/\(program).wasm")
        do {
            module = Array(try Data(contentsOf: file))
        } catch {
            throw ThalwegError(
                .invalidConfiguration,
                "there is no module '\(file.path)': \(error.localizedDescription)",
                advice: "build the examples with 'make modules', or name a module's file")
        }
        name = file.deletingPathExtension().lastPathComponent
        isTransfers = name == "Transfer"
    }

    /// What each key is given before anything is measured; `nil` where nothing is needed.
    var first: [UInt8]? { isTransfers ? Self.bytes(1 << 40) : nil }

    /// The value of the write with a number, at key `number % keys`; a put's has the size asked for.
    func value(_ number: UInt64, putBytes: Int) -> [UInt8] {
        guard isTransfers else { return (0..<putBytes).map { UInt8(truncatingIfNeeded: $0) } }
        // In each round over the keys an account gives as much as it takes.
        return Self.bytes(1) + Self.bytes((number &+ 1) % Self.keys)
    }

    private static func bytes(_ number: UInt64) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }
}
