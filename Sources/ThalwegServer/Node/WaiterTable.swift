import ThalwegModel

/// Whom to answer when a window or a group of writes is done.
enum Waiter {
    case batch(any Answering, requestID: UInt32)
    case barrier(@Sendable (ThalwegError?) -> Void)
}

/// Waiters by token, an ascending number.
///
/// Every message that wants an answer comes and goes here, most of them in the order of their
/// tokens, so a token's place is its remainder by the table's size: no hash. A waiter that is still
/// there when its place is needed again, because its topic is held up and others are not, moves
/// to `late`.
struct WaiterTable {
    private static let leastPlaces = 256
    private static let mostPlaces = 1 << 16

    private var places: [(token: UInt64, waiter: Waiter)?]
    private var late: [UInt64: Waiter] = [:]
    private var newest: UInt64 = 0
    /// Waiters in `places`.
    private var count = 0

    init() {
        places = Array(repeating: nil, count: WaiterTable.leastPlaces)
    }

    var isEmpty: Bool { count == 0 && late.isEmpty }

    /// Gives the waiter's token.
    mutating func add(_ waiter: Waiter) -> UInt64 {
        newest += 1
        if count * 2 > places.count, places.count < WaiterTable.mostPlaces { grow() }
        let place = self.place(newest)
        if let old = places[place] {
            late[old.token] = old.waiter
        } else {
            count += 1
        }
        places[place] = (newest, waiter)
        return newest
    }

    subscript(token: UInt64) -> Waiter? {
        if let found = places[place(token)], found.token == token { return found.waiter }
        return late[token]
    }

    @discardableResult
    mutating func take(_ token: UInt64) -> Waiter? {
        let place = self.place(token)
        if let found = places[place], found.token == token {
            places[place] = nil
            count -= 1
            return found.waiter
        }
        return late.isEmpty ? nil : late.removeValue(forKey: token)
    }

    /// Everybody, in the order of their tokens; nobody waits afterwards. Tokens go on.
    mutating func takeAll() -> [Waiter] {
        let all = places.compactMap { $0 } + late.map { (token: $0.key, waiter: $0.value) }
        let token = newest
        self = WaiterTable()
        newest = token
        return all.sorted { $0.token < $1.token }.map(\.waiter)
    }

    private func place(_ token: UInt64) -> Int {
        Int(truncatingIfNeeded: token) & (places.count - 1)
    }

    private mutating func grow() {
        let old = places
        places = Array(repeating: nil, count: old.count * 2)
        // Two that were in different places still are: a place has one more bit.
        for found in old { if let found { places[place(found.token)] = found } }
    }
}
