/// What is to happen when: a binary heap by time, then by the order of scheduling.
struct SimulationQueue<Action> {
    private var heap: [(time: UInt64, number: UInt64, action: Action)] = []
    private var number: UInt64 = 0

    var nextTime: UInt64? { heap.first?.time }

    mutating func schedule(_ action: Action, at time: UInt64) {
        number += 1
        heap.append((time, number, action))
        var child = heap.count - 1
        while child > 0, isBefore(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next() -> (time: UInt64, action: Action)? {
        guard !heap.isEmpty else { return nil }
        heap.swapAt(0, heap.count - 1)
        let first = heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [parent * 2 + 1, parent * 2 + 2] where child < heap.count {
                if isBefore(child, least) { least = child }
            }
            if least == parent { break }
            heap.swapAt(parent, least)
            parent = least
        }
        return (first.time, first.action)
    }

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        (heap[left].time, heap[left].number) < (heap[right].time, heap[right].number)
    }
}
