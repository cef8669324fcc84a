import ArgumentParser
import ThalwegClient
import ThalwegModel

/// What must hold of a record for a write to be carried out.
struct WriteConditionFlags: ParsableArguments {
    @Option(help: "Only if the record has this version.")
    var ifVersion: UInt64?

    @Flag(help: "Only if there is no record.")
    var ifAbsent = false

    @Flag(help: "Only if there is a record.")
    var ifPresent = false

    func validate() throws {
        let given = (ifVersion == nil ? 0 : 1) + (ifAbsent ? 1 : 0) + (ifPresent ? 1 : 0)
        if given > 1 {
            throw ValidationError("Give one of --if-version, --if-absent, --if-present.")
        }
    }

    var condition: WriteCondition? {
        if let ifVersion { return .versionEquals(RecordVersion(ifVersion)) }
        if ifAbsent { return .absent }
        return ifPresent ? .present : nil
    }
}
