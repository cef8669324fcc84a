import TopicKit

/// Two for one: what is written at a key is written at the key with `.again` behind it too.
///
/// For topics whose keys are strings of at most 249 bytes.
@main
struct Stutter: TopicProgram {
    static let keyTooLong: UInt32 = 100

    init(arguments: Bytes) {}

    func decide(_ write: borrowing Write) throws(Reject) -> String {
        guard write.key.count <= 249 else {
            throw Reject(Self.keyTooLong, "the key has more than 249 bytes")
        }
        return write.key.string + ".again"
    }

    mutating func apply(
        _ again: String, _ write: borrowing Write, _ output: inout Output
    ) {
        output.accept()
        switch write.operation {
        case .put, .patch: output.put(again, write.value)
        case .delete: output.delete(again)
        }
    }
}
