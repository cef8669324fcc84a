import ThalwegClient
import ThalwegText

/// What the verbs print of a program.
enum ProgramText {
    static func describe(_ info: ProgramInfo) -> String {
        var table = Table(header: nil)
        table.append(["topic", info.topic])
        table.append(["program", info.name])
        table.append(["module", "\(info.moduleBytes) bytes, sha256 \(hexadecimal(info.hash))"])
        table.append(["deployed", TimestampNotation.text(info.deployedAt)])
        table.append(["writes", "\(info.writes)"])
        table.append(["rejected", "\(info.rejected)"])
        table.append(["failed", "\(info.failed)"])
        table.append(["memory bytes", "\(info.memoryBytes)"])
        table.append(["state hash", String(info.stateHash, radix: 16)])
        if info.isFaulting { table.append(["faulting", "yes: upgrade or remove it"]) }
        for line in info.lines { table.append(["log", line]) }
        return table.text
    }

    static func json(_ info: ProgramInfo) -> JSON {
        .members([
            "topic": .string(info.topic), "program": .string(info.name),
            "sha256": .string(hexadecimal(info.hash)),
            "module_bytes": .unsigned(UInt64(info.moduleBytes)),
            "deployed_us": .signed(info.deployedAt.microseconds),
            "writes": .unsigned(info.writes), "rejected": .unsigned(info.rejected),
            "failed": .unsigned(info.failed), "memory_bytes": .unsigned(info.memoryBytes),
            "faulting": .bool(info.isFaulting),
            "state_hash": .string(String(info.stateHash, radix: 16)),
            "log": .array(info.lines.map { .string($0) }),
        ])
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
