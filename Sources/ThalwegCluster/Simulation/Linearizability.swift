// Whether what clients saw of one record can be told as one story in which each operation took
// effect at one moment between its call and its answer (Herlihy and Wing 1990). The search is
// Wing and Gong's with Lowe's memory of what was tried.

/// One operation on a record, as its client saw it.
public struct RecordOperation: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// What was read: the record's value, `nil` for none.
        case read(UInt64?)
        /// The record is `value` from then on; `nil`: it is gone.
        case write(UInt64?)
        /// The same where the record was `expected`; whether it was.
        case writeIf(expected: UInt64?, value: UInt64?, wasTaken: Bool)
    }

    public var kind: Kind
    /// When it was called. Any unit; later is more.
    public var calledAt: UInt64
    /// When it was answered; `nil` where it never was: it may have taken effect at any later
    /// moment, or never.
    public var answeredAt: UInt64?

    public init(_ kind: Kind, calledAt: UInt64, answeredAt: UInt64?) {
        self.kind = kind
        self.calledAt = calledAt
        self.answeredAt = answeredAt
    }
}

public enum Linearizability {
    /// Whether the operations on one record, in any order, are linearizable, from no record on.
    ///
    /// A read that was never answered says nothing and is left out. Of a conditional write that was
    /// never answered it is not known whether it was taken: `wasTaken` is not looked at.
    public static func check(_ operations: [RecordOperation]) -> Bool {
        let told = operations.filter { operation in
            if case .read = operation.kind { return operation.answeredAt != nil }
            return true
        }
        var search = Search(told.sorted { $0.calledAt < $1.calledAt })
        return search.run()
    }

    /// A place in the search: what has taken effect, and what the record is then.
    private struct Place: Hashable {
        var done: [UInt64]
        var value: UInt64?
    }

    private struct Search {
        private let operations: [RecordOperation]
        private var place: Place
        private var tried: Set<Place> = []
        /// The next operation to try at each depth, and the place before.
        private var path: [(next: Int, before: Place)] = []

        init(_ operations: [RecordOperation]) {
            self.operations = operations
            place = Place(done: Array(repeating: 0, count: operations.count / 64 + 1), value: nil)
        }

        private func isDone(_ index: Int) -> Bool {
            place.done[index / 64] & (1 << UInt64(index % 64)) != 0
        }

        mutating func run() -> Bool {
            var next = 0
            while true {
                if isComplete { return true }
                if let index = candidate(from: next), let value = effect(of: index) {
                    let before = place
                    place.done[index / 64] |= 1 << UInt64(index % 64)
                    place.value = value
                    if tried.insert(place).inserted {
                        path.append((index + 1, before))
                        next = 0
                    } else {
                        place = before
                        next = index + 1
                    }
                    continue
                } else if let index = candidate(from: next) {
                    // It cannot be next with this value.
                    next = index + 1
                    continue
                }
                guard let last = path.popLast() else { return false }
                place = last.before
                next = last.next
            }
        }

        /// Everything that was answered has taken effect; what never was need not.
        private var isComplete: Bool {
            operations.indices.allSatisfy { isDone($0) || operations[$0].answeredAt == nil }
        }

        /// The first operation from `start` that may be next: nothing that is left was answered
        /// before it was called.
        private func candidate(from start: Int) -> Int? {
            var earliestAnswer = UInt64.max
            for index in operations.indices where !isDone(index) {
                if let answered = operations[index].answeredAt {
                    earliestAnswer = min(earliestAnswer, answered)
                }
            }
            return operations.indices.first {
                $0 >= start && !isDone($0) && operations[$0].calledAt <= earliestAnswer
            }
        }

        /// The record's value behind an operation; `nil` where the operation cannot be next.
        private func effect(of index: Int) -> UInt64?? {
            let operation = operations[index]
            switch operation.kind {
            case .read(let value):
                return value == place.value ? .some(place.value) : nil
            case .write(let value):
                return .some(value)
            case .writeIf(let expected, let value, let wasTaken):
                let isTaken = place.value == expected
                if operation.answeredAt == nil { return .some(isTaken ? value : place.value) }
                guard isTaken == wasTaken else { return nil }
                return .some(isTaken ? value : place.value)
            }
        }
    }
}
