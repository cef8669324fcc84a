import TopicKit

/// Accounts that can never be overdrawn, whoever writes at the same time. Keys are account numbers
/// (`u64`); a record holds the balance as an `i64`.
///
/// | a put at an account of | does |
/// | --- | --- |
/// | `i64 amount` (8 bytes) | a deposit, or a withdrawal where it is negative |
/// | `i64 amount, u64 to` (16 bytes) | a transfer: both balances change, or none |
@main
struct Transfer: TopicProgram {
    static let overdrawn: UInt32 = 100
    static let badAmount: UInt32 = 101
    static let sameAccount: UInt32 = 102
    static let overflow: UInt32 = 103
    static let isForEver: UInt32 = 104

    struct Change {
        var account: UInt64
        var balance: Int64
        var other: (account: UInt64, balance: Int64)?
    }

    private var balances = Table<UInt64, Int64>()

    init(arguments: Bytes) {}

    mutating func load(_ record: borrowing Write) throws(Reject) {
        balances[try record.key.get(0)] = try record.value.get(0)
    }

    func decide(_ write: borrowing Write) throws(Reject) -> Change {
        guard write.operation == .put else {
            throw Reject(Self.isForEver, "an account cannot be patched or deleted")
        }
        let account: UInt64 = try write.key.get(0)
        let amount: Int64 = try write.value.get(0)
        let isTransfer = write.value.count > 8
        let balance = try sum(of: account, and: isTransfer ? 0 &- amount : amount)
        guard balance >= 0 else {
            throw Reject(
                Self.overdrawn, "the account has \(balances[account] ?? 0), not \(amount.magnitude)"
            )
        }
        guard isTransfer else { return Change(account: account, balance: balance) }
        let to: UInt64 = try write.value.get(8)
        guard amount > 0 else {
            throw Reject(Self.badAmount, "a transfer moves more than nothing")
        }
        guard to != account else {
            throw Reject(Self.sameAccount, "a transfer is between two accounts")
        }
        return Change(
            account: account, balance: balance, other: (to, try sum(of: to, and: amount)))
    }

    mutating func apply(
        _ change: Change, _ write: borrowing Write, _ output: inout Output
    ) {
        balances[change.account] = change.balance
        output.put(change.account, change.balance)
        guard let other = change.other else { return }
        balances[other.account] = other.balance
        output.put(other.account, other.balance)
    }

    private func sum(of account: UInt64, and amount: Int64) throws(Reject) -> Int64 {
        let (sum, overflows) = (balances[account] ?? 0).addingReportingOverflow(amount)
        guard !overflows else { throw Reject(Self.overflow, "the balance would overflow") }
        return sum
    }

}
