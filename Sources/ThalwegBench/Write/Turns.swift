/// What is compared is measured in turns of about two and a half seconds, in the order 1 2 2 1, so
/// that a machine that changes meanwhile changes for all.
struct Turns {
    /// Of one turn.
    let length: Duration
    /// Whose turn it is.
    let order: [Int]

    /// - Parameters:
    ///   - count: how many are compared; one has a single turn.
    ///   - duration: what each of them has in all.
    ///   - isPaced: the load has a rate: its figures are of latencies, which a turn that begins
    ///     would be in, so each has a single turn.
    init(of count: Int, for duration: Duration, isPaced: Bool) {
        let isOnce = count < 2 || isPaced
        let rounds = isOnce ? 1 : max(1, Int((duration.seconds / 2.5).rounded()))
        length = duration / rounds
        order = (0..<rounds).flatMap { round in
            round.isMultiple(of: 2) ? Array(0..<count) : (0..<count).reversed()
        }
    }
}
