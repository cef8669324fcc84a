/// What `bench resume` found. Seconds are medians of the rounds.
public struct ResumeReport: Report {
    public var scenario = "resume"
    public var commandLine: [String]
    public var machine: Machine
    public var seed: UInt64
    public var entities: Int
    public var windowMs: Double
    public var rounds: Int
    public var changedPct: Double
    /// Records that changed while the subscriber was away.
    public var changed: Int

    public var bootstrapRecords: Int
    public var bootstrapBytes: Int
    public var bootstrapSeconds: Double
    public var bootstrapSecondsOfRounds: [Double]
    /// Changes that the resume brought; `changed` where each came exactly once.
    public var resumeRecords: Int
    public var resumeBytes: Int
    /// From the sending of SUBSCRIBE until the newest change was decoded.
    public var resumeSeconds: Double
    public var resumeSecondsOfRounds: [Double]
    /// Bytes of a resume to those of a bootstrap, by the share that changed: 1 where only what
    /// changed is sent.
    public var resumeRatio: Double
    /// The same of the seconds; a round trip is in both.
    public var resumeSecondsRatio: Double
    /// The server could not resume and started over.
    public var wasReset: Bool
    public var errors: Int

    public var rows: [(label: String, figure: String)] {
        let (first, again) = (Double(bootstrapBytes), Double(resumeBytes))
        return [
            (
                "bootstrap",
                "\(Figure.count(Double(bootstrapRecords))) records, \(Figure.count(first)) bytes, "
                    + "\(Figure.text(bootstrapSeconds * 1_000, 1)) ms"
            ),
            ("changed meanwhile", "\(changed) (\(Figure.text(changedPct, 2)) %)"),
            (
                "resume",
                "\(resumeRecords) records, \(Figure.count(again)) bytes, "
                    + "\(Figure.text(resumeSeconds * 1_000, 1)) ms"
            ),
            ("its bytes, by that share", Figure.text(resumeRatio, 2)),
            ("its time, by that share", Figure.text(resumeSecondsRatio, 2)),
            ("errors", "\(errors)"),
        ]
    }
}
