import ThalwegModel

/// Which topics have a label of their own. Anybody who may create topics makes labels, and whoever
/// stores metrics keeps each for ever: so there is a bound, and the topics beyond it are one sum.
///
/// A topic keeps its label as long as it lives, and the sum only rises, whichever topics come and
/// go: what was counted for one of them stays in it.
struct TopicLabels {
    /// No topic can have this name.
    static let other = "(other)"

    /// The topics without a label, summed.
    struct Others {
        var topics: UInt64 = 0
        var records: UInt64 = 0
        var tombstones: UInt64 = 0
        var bytes: UInt64 = 0
        var subscriptions: UInt64 = 0
    }

    let limit: Int
    private var labelled: Set<TopicID> = []
    /// What the topics without a label had counted when they were looked at last.
    private var seen: [TopicID: TopicCounts] = [:]
    /// All that was ever counted for topics without a label.
    private(set) var counts = TopicCounts()

    init(limit: Int) {
        self.limit = limit
    }

    /// Whether there ever were topics without a label: from then on their sum is told.
    private(set) var hasOthers = false

    /// Parts the topics into those with a label and the others.
    mutating func part(_ topics: [TopicFigures]) -> (labelled: [TopicFigures], others: Others) {
        let all = topics.sorted { $0.id.rawValue < $1.id.rawValue }
        let present = Set(all.map(\.id))
        labelled.formIntersection(present)
        seen = seen.filter { present.contains($0.key) }
        var own: [String: TopicFigures] = [:]
        var others = Others()
        for topic in all {
            if seen[topic.id] == nil, labelled.contains(topic.id) || labelled.count < limit {
                labelled.insert(topic.id)
                // Loops answer one after the other: of a topic that was dropped and made again both
                // may be there. The newer one counts.
                own[topic.name] = topic
                continue
            }
            hasOthers = true
            counts.add(seen[topic.id] ?? TopicCounts(), topic.counts)
            seen[topic.id] = topic.counts
            others.topics += 1
            others.records += topic.records
            others.tombstones += topic.tombstones
            others.bytes += topic.bytes
            others.subscriptions += topic.subscriptions
        }
        return (own.values.sorted { $0.id.rawValue < $1.id.rawValue }, others)
    }
}
