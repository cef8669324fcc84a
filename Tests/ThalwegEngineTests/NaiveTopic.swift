// What a topic must do, written down without any of the engine's ideas: a dictionary of records, a
// list of writes for each window, and a fold. Slow and plain on purpose.
import ThalwegModel
import ThalwegWire

/// A write before it is packed.
struct NaiveWrite {
    enum Body {
        /// Canonical bytes of this or an older version of the schema, or a plain value.
        case assert([UInt8])
        case patch([(field: Int, value: Value)])
        case retract
        /// Bytes that are no row or patch of the topic.
        case malformed(WriteOperation, mask: UInt64, [UInt8], ErrorCode)
    }

    var key: [UInt8]
    var isKeyValid = true
    var body: Body
    var condition: WriteCondition?
    var metadata: [UInt8]?
}

/// What a record holds at some point of the order, committed or not.
struct NaiveState: Equatable {
    var row: [UInt8]?
    var sources: Set<UInt16> = []

    static let missing = NaiveState()
}

struct NaiveRecord: Equatable {
    var state: NaiveState
    var version: UInt64
    var lastOffset: UInt64
    var deletedAt: Int64 = 0
}

/// What became of a write at the merge.
enum NaiveMerged {
    case invalid(Set<ErrorCode>)
    case unchanged([UInt8])
    /// There was no record to retract.
    case nothingThere([UInt8])
    case changed([UInt8])
}

struct NaiveTicket {
    var token: UInt64
    var wantsEach: Bool
    var merged: [NaiveMerged]
}

struct NaiveOutcome: Equatable {
    var verdict: Verdict
    var offset: UInt64
    var version: UInt64
    var isLenient = false
}

struct NaiveCompletion {
    var token: UInt64
    var lastOffset: UInt64
    var accepted: Int
    var unchanged: Int
    var invalid: Int
    /// `nil` for an invalid write.
    var results: [NaiveOutcome?]
}

/// One record's net change in a window.
struct NaiveNet: Equatable {
    enum Kind: UInt8 {
        case upsert = 1
        case delete = 2
        case membership = 3
    }

    var kind: Kind
    var after: NaiveState
    var metadata: [UInt8]?
}

struct NaiveWindow {
    /// With the layout that was in force when each was merged.
    var writes: [(write: NaiveWrite, source: UInt16, layout: RowLayout?)] = []
    var tickets: [NaiveTicket] = []
    // Once sealed:
    var net: [[UInt8]: NaiveNet] = [:]
    var order: [[UInt8]] = []
    var time: Int64 = 0
}

struct NaiveTopic {
    var definition: TopicDefinition
    var records: [[UInt8]: NaiveRecord] = [:]
    var last: UInt64 = 0
    var horizon: UInt64 = 0
    var lastTime: Int64 = 0
    var appliedTime: Int64 = 0
    /// States behind every sealed window.
    var sealed: [[UInt8]: NaiveState] = [:]
    /// States behind every write.
    var newest: [[UInt8]: NaiveState] = [:]
    var open = NaiveWindow()
    var inFlight: [NaiveWindow] = []
    /// Keys whose row or existence a window in flight changes, with the number of such windows.
    var changing: [[UInt8]: Int] = [:]

    init(_ definition: TopicDefinition) {
        self.definition = definition
    }

    // MARK: Merging

    mutating func merge(
        _ writes: [NaiveWrite], readable: Int, source: UInt16, isAtomic: Bool, layout: RowLayout?
    ) throws -> [NaiveMerged] {
        if isAtomic {
            var codes: Set<ErrorCode> = readable < writes.count ? [.invalidBatch] : []
            for write in writes[..<readable] { codes.formUnion(refusals(write)) }
            if !codes.isEmpty { return writes.map { _ in .invalid(codes) } }
        }
        var merged: [NaiveMerged] = []
        for write in writes[..<readable] {
            let codes = isAtomic ? [] : refusals(write)
            guard codes.isEmpty else {
                merged.append(.invalid(codes))
                continue
            }
            let before = newest[write.key] ?? .missing
            let after = try apply(write, source: source, to: before, layout)
            newest[write.key] = after
            open.writes.append((write, source, layout))
            if before != after {
                merged.append(.changed(write.key))
            } else if case .retract = write.body, before == .missing {
                merged.append(.nothingThere(write.key))
            } else {
                merged.append(.unchanged(write.key))
            }
        }
        merged += writes[readable...].map { _ in .invalid([.invalidBatch]) }
        return merged
    }

    func refusals(_ write: NaiveWrite) -> Set<ErrorCode> {
        var codes: Set<ErrorCode> = write.isKeyValid ? [] : [.invalidKey]
        if case .malformed(_, _, _, let code) = write.body { codes.insert(code) }
        if let condition = write.condition, !holds(condition, write.key) {
            codes.insert(.conditionFailed)
        }
        return codes
    }

    private func holds(_ condition: WriteCondition, _ key: [UInt8]) -> Bool {
        let state = newest[key] ?? .missing
        switch condition {
        case .absent: return state.row == nil
        case .present: return state.row != nil
        case .versionEquals(let version):
            guard let record = records[key], let row = record.state.row,
                record.version == version.rawValue
            else { return false }
            return changing[key, default: 0] == 0 && state.row == row
        }
    }

    func apply(
        _ write: NaiveWrite, source: UInt16, to before: NaiveState, _ layout: RowLayout?
    ) throws -> NaiveState {
        var state = before
        switch write.body {
        case .assert(let row):
            state.sources.insert(source)
            state.row = row
            if let layout, !layout.isCurrent(row) {
                state.row = try layout.encode(layout.decode(row))
            }
        case .patch(let fields):
            guard let layout else { preconditionFailure("no patches of plain bytes") }
            state.sources.insert(source)
            // A patch of no fields leaves a row of this version as it is, byte for byte.
            var values = layout.schema.fields.map(\.type.defaultValue)
            if let row = before.row { values = layout.decode(row) }
            for (field, value) in fields { values[field] = value }
            state.row = try layout.encode(values)
        case .retract:
            state.sources.remove(source)
            if state.sources.isEmpty { state.row = nil }
        case .malformed:
            preconditionFailure("a malformed write is refused")
        }
        return state
    }

    // MARK: Sealing

    /// The net changes of the open window, by folding its writes over what was sealed before.
    mutating func seal(time: Int64) throws -> NaiveWindow {
        var window = open
        open = NaiveWindow()
        lastTime = max(lastTime, time)
        window.time = lastTime
        var after = sealed
        var metadata: [[UInt8]: [UInt8]] = [:]
        for (write, source, layout) in window.writes {
            let before = after[write.key] ?? .missing
            let state = try apply(write, source: source, to: before, layout)
            if state != before, let bytes = write.metadata { metadata[write.key] = bytes }
            after[write.key] = state
        }
        for key in Set(window.writes.map(\.write.key)) {
            let old = sealed[key] ?? .missing
            let new = after[key] ?? .missing
            guard old != new else { continue }
            let kind: NaiveNet.Kind =
                new.row == nil ? .delete : old.row == new.row ? .membership : .upsert
            window.net[key] = NaiveNet(kind: kind, after: new, metadata: metadata[key])
            if kind != .membership { changing[key, default: 0] += 1 }
        }
        sealed = after
        inFlight.append(window)
        return window
    }

    // MARK: Applying

    /// Applies the oldest window, whose changes get their offsets in the order of `order`.
    mutating func apply() -> [NaiveCompletion] {
        let window = inFlight.removeFirst()
        appliedTime = window.time
        for key in window.order {
            guard let net = window.net[key] else { continue }
            var record =
                records[key] ?? NaiveRecord(state: .missing, version: 0, lastOffset: 0)
            record.state = net.after
            if net.kind != .membership {
                last += 1
                record.lastOffset = last
                record.version += 1
                record.deletedAt = net.kind == .delete ? window.time : 0
                if let count = changing[key] { changing[key] = count == 1 ? nil : count - 1 }
            }
            records[key] = record
        }
        var completions = complete(window)
        purge(before: window.time, definition.options.tombstoneRetentionMicroseconds)
        completions += finishEmpty()
        return completions
    }

    private mutating func purge(before time: Int64, _ retention: UInt64) {
        for (key, record) in records where record.state.row == nil {
            if time - record.deletedAt > Int64(retention) {
                horizon = max(horizon, record.lastOffset)
                records[key] = nil
            }
        }
    }

    /// Windows without a net change are done when those before them are.
    mutating func finishEmpty() -> [NaiveCompletion] {
        var completions: [NaiveCompletion] = []
        while let first = inFlight.first, first.net.isEmpty {
            inFlight.removeFirst()
            completions += complete(first)
        }
        return completions
    }

    private func complete(_ window: NaiveWindow) -> [NaiveCompletion] {
        window.tickets.map { ticket in
            var completion = NaiveCompletion(
                token: ticket.token, lastOffset: last, accepted: 0, unchanged: 0, invalid: 0,
                results: [])
            for merged in ticket.merged {
                switch merged {
                case .invalid: completion.invalid += 1
                case .unchanged, .nothingThere: completion.unchanged += 1
                case .changed: completion.accepted += 1
                }
                if ticket.wantsEach { completion.results.append(outcome(merged, window)) }
            }
            return completion
        }
    }

    private func outcome(_ merged: NaiveMerged, _ window: NaiveWindow) -> NaiveOutcome? {
        func outcome(_ key: [UInt8], _ isChange: Bool, _ isLenient: Bool) -> NaiveOutcome {
            NaiveOutcome(
                verdict: isChange && window.net[key] != nil ? .accepted : .unchanged,
                offset: records[key]?.lastOffset ?? 0, version: records[key]?.version ?? 0,
                isLenient: isLenient)
        }
        switch merged {
        case .invalid: return nil
        case .unchanged(let key): return outcome(key, false, false)
        case .nothingThere(let key): return outcome(key, false, true)
        case .changed(let key): return outcome(key, true, false)
        }
    }

    // MARK: Restarting

    /// What was neither sealed nor has an entry is lost, without anybody to answer.
    mutating func forgetUnsealed() {
        open = NaiveWindow()
        inFlight = inFlight.filter { !$0.net.isEmpty }
    }

    /// So are windows whose entries the log has lost; the committed state is all there is.
    mutating func forgetInFlight() {
        inFlight = []
        lastTime = appliedTime
        changing = [:]
        sealed = records.mapValues(\.state)
        newest = sealed
    }

    // MARK: Reading

    /// Every record that changed after `offset`, in the order of its last change.
    func changes(after offset: UInt64) -> [(key: [UInt8], record: NaiveRecord)] {
        records.filter { $0.value.lastOffset > offset }
            .sorted { $0.value.lastOffset < $1.value.lastOffset }
            .map { ($0.key, $0.value) }
    }

    var liveRecords: Int { records.values.count { $0.state.row != nil } }
}

extension RowLayout {
    func isCurrent(_ row: [UInt8]) -> Bool {
        row.withUnsafeBytes { isCurrent($0) }
    }

    func decode(_ row: [UInt8]) -> [Value] {
        row.withUnsafeBytes { decode($0) }
    }
}
