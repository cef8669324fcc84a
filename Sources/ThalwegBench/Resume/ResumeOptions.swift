/// What `thalweg bench resume` can be told.
public struct ResumeOptions: Hashable, Sendable {
    public var server = ServerOptions()
    /// Its entities are the records; nobody writes while a subscriber catches up.
    public var load: LoadOptions
    /// This share of the records changes while the subscriber is away, once each.
    public var changedPercent = 1.0
    /// Bootstraps, and resumes from the same offset, one after the other.
    public var rounds = 3
    public var windowMilliseconds = 20
    public var quiet = false
    public var commandLine: [String] = []

    /// A million records.
    public init() {
        load = LoadOptions()
        load.entities = 1_000_000
    }
}
