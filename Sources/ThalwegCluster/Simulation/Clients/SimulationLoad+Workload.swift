extension SimulationLoad {
    /// - Parameter topics: what readers follow.
    func workload(reading topics: [String]) -> any SimulatedWorkload {
        switch self {
        case .values: ValuesWorkload()
        case .ledger: LedgerWorkload()
        case .shared: SharedWorkload()
        case .registers: RegisterWorkload()
        case .presence: PresenceWorkload()
        case .fleeting: FleetingWorkload()
        case .bank: BankWorkload()
        case .clerk: ClerkWorkload()
        case .readers: ReaderWorkload(topics)
        }
    }
}
