import TopicKit

/// The rule of a board game: a piece steps to a neighbouring square that is on the board and free.
///
/// For a topic with `u64` keys and the schema of `rows`. A put places a piece or moves it; a patch of
/// `x` or `y` moves it; a delete takes it off the board. Arguments: nothing (a board of 64 by 64), or
/// the length of its side as a `u32`.
@main
struct Moves: TopicProgram {
    static let schema = "x: i32, y: i32, name: string(32)"

    static let isOffTheBoard: UInt32 = 100
    static let isTooFar: UInt32 = 101
    static let isOccupied: UInt32 = 102

    struct Square: Equatable {
        var x: Int32
        var y: Int32

        /// One number for each square of any board.
        var number: UInt64 { UInt64(UInt32(bitPattern: x)) << 32 | UInt64(UInt32(bitPattern: y)) }
    }

    struct Change {
        var piece: UInt64
        var from: Square?
        var to: Square?
    }

    private let side: Int32
    private let x: RowField<Int32>
    private let y: RowField<Int32>
    private var squares = Table<UInt64, Square>()
    private var pieces = Table<UInt64, UInt64>()

    init(arguments: Bytes) throws(Reject) {
        let shape = try RowShape(Self.schema)
        x = try shape.field("x")
        y = try shape.field("y")
        side = arguments.isEmpty ? 64 : Int32(clamping: try arguments.get(0, as: UInt32.self))
    }

    mutating func load(_ record: borrowing Write) throws(Reject) {
        let row = try record.row
        move(try record.key.get(0), from: nil, to: Square(x: row.get(x), y: row.get(y)))
    }

    func decide(_ write: borrowing Write) throws(Reject) -> Change {
        let piece: UInt64 = try write.key.get(0)
        let from = squares[piece]
        guard write.operation != .delete else { return Change(piece: piece, from: from) }
        let row = try write.row
        var to = from ?? Square(x: 0, y: 0)
        if write.sets(x) { to.x = row.get(x) }
        if write.sets(y) { to.y = row.get(y) }
        guard to.x >= 0, to.y >= 0, to.x < side, to.y < side else {
            throw Reject(Self.isOffTheBoard, "(\(to.x), \(to.y)) is not on the board")
        }
        if let from, abs(to.x - from.x) > 1 || abs(to.y - from.y) > 1 {
            throw Reject(
                Self.isTooFar, "(\(to.x), \(to.y)) is no step from (\(from.x), \(from.y))")
        }
        if let other = pieces[to.number], other != piece {
            throw Reject(Self.isOccupied, "piece \(other) stands on (\(to.x), \(to.y))")
        }
        return Change(piece: piece, from: from, to: to)
    }

    mutating func apply(
        _ change: Change, _ write: borrowing Write, _ output: inout Output
    ) {
        move(change.piece, from: change.from, to: change.to)
        output.accept()
    }

    private mutating func move(_ piece: UInt64, from: Square?, to: Square?) {
        if let from { pieces[from.number] = nil }
        if let to { pieces[to.number] = piece }
        squares[piece] = to
    }
}
