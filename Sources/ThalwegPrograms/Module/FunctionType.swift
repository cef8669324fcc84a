/// The type of a function that crosses between server and program.
struct FunctionType: Hashable, CustomStringConvertible {
    enum Value: UInt8 {
        case i32 = 0x7f
        case i64 = 0x7e
        case f32 = 0x7d
        case f64 = 0x7c
    }

    var parameters: [Value]
    var results: [Value]

    init(_ parameters: [Value], _ results: [Value]) {
        self.parameters = parameters
        self.results = results
    }

    var description: String {
        "(\(parameters.map { "\($0)" }.joined(separator: ", "))) -> "
            + "(\(results.map { "\($0)" }.joined(separator: ", ")))"
    }

    /// What a module may import, all from module `topic`.
    static let imports: [String: FunctionType] = [
        "topic.log": FunctionType([.i32, .i32], []),
        "topic.get": FunctionType([.i32, .i32, .i32, .i32, .i32], [.i64]),
    ]

    /// What a module must export.
    static let requiredExports: [String: FunctionType] = [
        "topic_abi": FunctionType([], [.i32]),
        "topic_in": FunctionType([], [.i32]),
        "topic_out": FunctionType([], [.i32]),
        "topic_init": FunctionType([.i32], [.i64]),
        "topic_batch": FunctionType([.i32, .i32], [.i64]),
    ]

    /// What a module may export besides; other names are its own business.
    static let optionalExports: [String: FunctionType] = [
        "topic_big": FunctionType([.i32], [.i32]),
        "topic_big_free": FunctionType([.i32], []),
        "topic_load": FunctionType([.i32, .i32], [.i64]),
    ]
}
