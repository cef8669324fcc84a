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
    init(of count: Int, for duration: Duration) {
        let rounds = count < 2 ? 1 : max(1, Int((duration.seconds / 2.5).rounded()))
        length = duration / rounds
        order = (0..<rounds).flatMap { round in
            round.isMultiple(of: 2) ? Array(0..<count) : (0..<count).reversed()
        }
    }
}
