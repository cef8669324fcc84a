import ThalwegEngine
import ThalwegModel

/// A bank as a program of a topic: a key is an account, a write is an order to pay. Accounts begin
/// with a balance; who has too little pays nothing, and the order is rejected. What it remembers of
/// rejected orders would show that a roll-back is missing.
final class SimulatedBank: TopicProgram {
    static let opening: UInt64 = 1_000
    static let module: [UInt8] = Array("bank".utf8)

    /// An order as the topic gave it.
    private struct Order {
        var from: [UInt8]
        var to: [UInt8]
        var amount: UInt64
    }

    let hash: [UInt8] = SimulatedBank.module
    private(set) var figures = ProgramFigures()
    /// What is remembered from order to order: how much was paid in all.
    private var paid: UInt64 = 0
    private var trial: UInt64?
    private var orders: [Order] = []
    private var judgement: ProgramJudgement?
    private var acts: [(key: [UInt8], value: [UInt8])] = []
    /// The key and value that were lent last.
    private let lent = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 8)

    init() {}

    init(image: [UInt8]) {
        paid = UInt64(firstOf: image)
    }

    deinit {
        lent.deallocate()
    }

    var count: Int { orders.count }

    func removeAll() { orders.removeAll() }

    func append(_ write: ProgramWrite) throws(ThalwegError) {
        let value = Array(write.value)
        orders.append(
            Order(
                from: Array(write.key), to: Array(value.prefix(8)),
                amount: UInt64(firstOf: value.dropFirst(8))))
    }

    /// One order at a time: the next one sees the accounts as this one left them.
    func run(
        from first: Int, lookup: (UnsafeRawBufferPointer) -> UnsafeRawBufferPointer?
    ) throws(ThalwegError) -> Int {
        let order = orders[first]
        func balance(_ account: [UInt8]) -> UInt64 {
            account.withUnsafeBytes { key in
                lookup(key).map { UInt64(firstOf: Array($0)) } ?? SimulatedBank.opening
            }
        }
        let from = balance(order.from)
        figures.writes += 1
        acts = []
        guard from >= order.amount, order.from != order.to else {
            figures.rejected += 1
            judgement = ProgramJudgement(
                index: first, verdict: .rejected,
                rejection: Rejection(code: 7, message: "\(from) is not enough"))
            return 1
        }
        paid &+= order.amount
        acts = [
            (order.from, (from - order.amount).littleEndianBytes),
            (order.to, (balance(order.to) + order.amount).littleEndianBytes),
        ].reversed()
        judgement = ProgramJudgement(index: first, verdict: .accepted, rejection: nil)
        return 1
    }

    func nextJudgement() -> ProgramJudgement? {
        defer { judgement = nil }
        return judgement
    }

    func nextAct() -> ProgramAct? {
        guard let act = acts.popLast() else { return nil }
        // Safe: both are of eight bytes; what is lent is good until the next call.
        lent.copyBytes(from: act.key + act.value)
        let key = UnsafeRawBufferPointer(rebasing: lent[..<8])
        let value = UnsafeRawBufferPointer(rebasing: lent[8...])
        return .put(
            key: key, value: value, metadata: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    func beginTrial() { trial = paid }
    func keepTrial() { trial = nil }

    func undoTrial(_ count: Int, for refusal: ProgramJudgement) throws(ThalwegError) {
        if let trial { paid = trial }
        trial = nil
    }

    func loadRecords() throws(ThalwegError) {}

    func image() -> [UInt8] { paid.littleEndianBytes }
    func stateHash() -> UInt64 { paid &* 0x9e37_79b9_7f4a_7c15 }
    func hashedState(_ choice: UInt64) -> [UInt8] { paid.littleEndianBytes }
    func takeLines() -> [String] { [] }
}

/// Makes banks.
final class SimulatedPrograms: TopicPrograms {
    func deploy(
        _ module: [UInt8], arguments: [UInt8], accepts: @escaping ProgramOutputCheck
    ) throws(ThalwegError) -> any TopicProgram {
        guard module == SimulatedBank.module else {
            throw ThalwegError(.invalidProgram, "the simulator has no program but its bank")
        }
        return SimulatedBank()
    }

    func restore(
        _ module: [UInt8], image: [UInt8], accepts: @escaping ProgramOutputCheck
    ) throws(ThalwegError) -> any TopicProgram {
        SimulatedBank(image: image)
    }
}
