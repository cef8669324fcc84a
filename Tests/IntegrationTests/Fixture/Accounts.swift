import Testing
import ThalwegClient
import ThalwegModel

/// A topic of `u64` keys whose values are numbers: what the examples transfer, count and sequence.
enum Accounts {
    static func definition(_ name: String = "accounts") -> TopicDefinition {
        TopicDefinition(
            name: name, keyKind: .u64, schema: nil,
            options: TopicOptions(writes: .every, history: .forever))
    }

    /// Little-endian.
    static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    static func number(_ bytes: [UInt8]) -> Int64 {
        Int64(bitPattern: bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) })
    }
}

extension ThalwegClient {
    /// A put of a number at a number.
    @discardableResult
    func put(_ topic: Topic, _ key: UInt64, _ number: Int64) async throws -> WriteResult {
        try await put(topic, .u64(key), row: Accounts.bytes(number))
    }

    /// Moves an amount from one account to another.
    @discardableResult
    func transfer(
        _ topic: Topic, _ amount: Int64, from: UInt64, to: UInt64
    ) async throws -> WriteResult {
        try await put(topic, .u64(from), row: Accounts.bytes(amount) + Accounts.bytes(to))
    }

    /// The number at each key; 0 where there is no record.
    func numbers(_ topic: Topic, _ keys: [UInt64]) async throws -> [Int64] {
        try await get(topic, many: keys.map { .u64($0) }).records.map { record in
            record.map { Accounts.number($0.row) } ?? 0
        }
    }

    /// The topic's only program.
    func program(_ topic: String) async throws -> ProgramInfo {
        try #require(try await programs(of: topic).first)
    }

    /// What a write is refused with; the verdict's code is the error's, the program's its value.
    func refusal(_ write: () async throws -> WriteResult) async throws -> ThalwegError {
        try #require(await #expect(throws: ThalwegError.self) { _ = try await write() })
    }
}
