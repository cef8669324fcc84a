import Testing
import TopicKit

@testable import Moves

@Suite struct MovesTests {
    private let shape: RowShape
    private let topic: TestTopic<Moves>

    init() throws {
        shape = try RowShape(Moves.schema)
        topic = try TestTopic(Moves.self, arguments: packed(UInt32(8)), rows: shape)
    }

    private func row(_ x: Int32, _ y: Int32, _ name: String = "") throws -> RowBuilder {
        var row = RowBuilder(shape)
        row.set(try shape.field("x"), x)
        row.set(try shape.field("y"), y)
        row.set(try shape.text("name"), name)
        return row
    }

    @Test func aPieceStepsToANeighbouringSquare() throws {
        #expect(topic.put(1, try row(3, 3, "king")) == .accepted)
        #expect(topic.put(1, try row(4, 4, "king")) == .accepted)
        #expect(topic.put(1, try row(6, 4, "king")).isRejected(Moves.isTooFar))
        #expect(topic[1] == (try row(4, 4, "king")).array)
    }

    /// The fields that a patch does not set are zero in its row, and are not looked at.
    @Test func aPatchMovesInOneDirection() throws {
        #expect(topic.put(1, try row(3, 3, "king")) == .accepted)
        #expect(topic.patch(1, try row(4, 0), mask: 0b001) == .accepted)
        #expect(topic[1] == (try row(4, 3, "king")).array)
        #expect(topic.patch(1, try row(0, 5), mask: 0b010).isRejected(Moves.isTooFar))
        #expect(topic.patch(1, try row(0, 0, "queen"), mask: 0b100) == .accepted)
        #expect(topic[1] == (try row(4, 3, "queen")).array)
    }

    @Test func aSquareHasOnePiece() throws {
        #expect(topic.put(1, try row(3, 3)) == .accepted)
        #expect(topic.put(2, try row(3, 4)) == .accepted)
        #expect(topic.patch(1, try row(0, 4), mask: 0b010).isRejected(Moves.isOccupied))
        #expect(topic.delete(2) == .accepted)
        #expect(topic.patch(1, try row(0, 4), mask: 0b010) == .accepted)
    }

    @Test func theBoardHasAnEdge() throws {
        #expect(topic.put(1, try row(7, 7)) == .accepted)
        #expect(topic.put(1, try row(8, 7)).isRejected(Moves.isOffTheBoard))
        #expect(topic.put(2, try row(-1, 0)).isRejected(Moves.isOffTheBoard))
        #expect(topic.put(2, try row(.max, .min)).isRejected(Moves.isOffTheBoard))
        #expect(topic.put(2, [9]).isRejected(Reject.malformed.code))
    }

    @Test func anUpgradeKnowsWhoStandsWhere() throws {
        #expect(topic.put(1, try row(3, 3)) == .accepted)
        try topic.upgrade(arguments: packed(UInt32(8)))
        #expect(topic.put(1, try row(5, 3)).isRejected(Moves.isTooFar))
        #expect(topic.put(2, try row(3, 3)).isRejected(Moves.isOccupied))
    }
}
