/// Puts the pages of a difference together: of each key the row before of its first change and the
/// row after of its last.
struct NetChanges {
    private let topic: Topic
    private let fields: UInt64
    private var byKey: [Key: Change] = [:]

    init(_ topic: Topic, fields: UInt64) {
        self.topic = topic
        self.fields = fields
    }

    /// In order of last change.
    var changes: [Change] { byKey.values.sorted { $0.offset < $1.offset } }

    /// Takes a change of a page behind those before it.
    mutating func add(_ next: Change) {
        guard let first = byKey[next.key] else {
            byKey[next.key] = next
            return
        }
        byKey[next.key] = net(first, next)
    }

    private func net(_ first: Change, _ next: Change) -> Change? {
        switch (first.previous, next.row) {
        case (nil, nil):
            return nil
        case (nil, .some):
            return Change(next, kind: first.previous == nil ? first.kind : next.kind, nil, .max)
        case (.some(let before), nil):
            return Change(next, kind: next.kind, before, .max)
        case (.some(let before), .some(let after)):
            if before == after { return nil }
            let changed = topic.layout.map { layout in
                before.withUnsafeBytes { before in
                    after.withUnsafeBytes { layout.changedFields(from: before, to: $0) }
                }
            }
            if let changed, changed & fields == 0 { return nil }
            return Change(next, kind: .updated, before, changed.map { $0 & fields } ?? .max)
        }
    }
}

extension Change {
    /// The same change seen from further back.
    init(_ last: Change, kind: ChangeKind, _ previous: [UInt8]?, _ changedFields: UInt64) {
        self.kind = kind
        reason = kind == .deleted ? last.reason : nil
        key = last.key
        offset = last.offset
        version = last.version
        self.changedFields = changedFields
        sources = last.sources
        row = last.row
        self.previous = previous
        metadata = last.metadata
        origin = last.origin
    }
}
