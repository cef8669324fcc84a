#if THALWEG_RAFT
// What comes from other nodes, checked and put in a shape that the library takes; the numbers are
// those at the top of `ConsensusCore.swift`.
import ThalwegLog
import ThalwegModel

extension ConsensusCore {
    // MARK: Messages

    func receive(
        _ message: ConsensusMessage, _ sender: NodeID, into outputs: inout ConsensusOutputs
    ) throws(ThalwegError) {
        guard sender != .none, sender != id else { return }
        switch message {
        case .append(let append):
            try checkOneLeader(append.term, sender)
            guard append.term >= term else { return answerFormerLeader(sender, into: &outputs) }
            try receive(append, sender, into: &outputs)
            return
        case .install(let point, let messageTerm):
            try checkOneLeader(messageTerm, sender)
            guard messageTerm >= term else { return answerFormerLeader(sender, into: &outputs) }
            guard installing == nil, point.index > 0, point.term > 0, !point.membership.isEmpty
            else { return }
            let before = outputs.messages.count
            try take(raft.receive(message, from: sender, time, capacity), into: &outputs)
            for position in outputs.messages.indices.dropFirst(before) {
                guard case .appendResult(var result) = outputs.messages[position].message,
                    result.rejectedIndex == 0
                else { continue }
                // It is here already: what both have is on this disk up to here (13).
                result.lastIndex = min(point.index, storedIndex)
                outputs.messages[position].message = .appendResult(result)
            }
            return
        case .timeoutNow:
            // The library would lead in the sender's term (7).
            if membership.isLoneVoter(id) { return }
        case .appendResult(var result):
            // No follower says this.
            if result.rejectedIndex > 0, result.lastIndex >= result.rejectedIndex { return }
            if let match = matchIndex(sender), result.term == term, result.rejectedIndex > 0,
                result.rejectedIndex <= match
            {
                // (12)
                (result.rejectedIndex, result.lastIndex) = (0, match)
                let old = ConsensusMessage.appendResult(result)
                return try take(raft.receive(old, from: sender, time, capacity), into: &outputs)
            }
        case .voteRequest(let request):
            guard request.candidate == sender else { return }
        case .voteResult:
            break
        }
        try take(raft.receive(message, from: sender, time, capacity), into: &outputs)
    }

    /// Says the term, and nothing of the log (14).
    private func answerFormerLeader(_ sender: NodeID, into outputs: inout ConsensusOutputs) {
        let result = ConsensusMessage.AppendResult(
            term: term, rejectedIndex: 0, lastIndex: 0, capacity: capacity)
        outputs.messages.append((sender, .appendResult(result)))
    }

    private func checkOneLeader(_ term: UInt64, _ sender: NodeID) throws(ThalwegError) {
        guard role != .leader || term != self.term else {
            throw ThalwegError(
                .clusterDiverged, "node \(sender) leads in this node's own term \(term)",
                advice: "two nodes may have one identity or a restored disk; keep both directories")
        }
    }

    private func receive(
        _ append: ConsensusMessage.Append, _ sender: NodeID, into outputs: inout ConsensusOutputs
    ) throws(ThalwegError) {
        guard append.entries.count == append.count, isPossible(append) else { return }
        var rest = append
        cutOff(&rest)
        repeat {
            let count =
                rest.entries.dropFirst().firstIndex { $0.kind == .membership }
                ?? rest.entries.count
            var part = rest
            part.entries = Array(rest.entries.prefix(count))
            part.count = part.entries.count
            // (10)
            if part.previousIndex + UInt64(part.count) < commitIndex {
                part.commitIndex = min(part.commitIndex, commitIndex)
            }
            if let first = part.entries.first, first.kind == .membership,
                term(at: rest.previousIndex) == rest.previousTerm, installing == nil
            {
                try confirmMembership(before: first.index, into: &outputs)
            }
            try take(raft.receive(.append(part), from: sender, time, capacity), into: &outputs)
            try confirmMembership(into: &outputs)
            rest.entries.removeFirst(count)
            if let last = part.entries.last {
                rest.previousIndex = last.index
                rest.previousTerm = last.term
            }
        } while !rest.entries.isEmpty
    }

    /// Whether a leader can have sent this; anything else is dropped.
    private func isPossible(_ append: ConsensusMessage.Append) -> Bool {
        guard (append.previousIndex == 0) == (append.previousTerm == 0),
            append.previousTerm <= append.term
        else { return false }
        var (index, term) = (append.previousIndex, append.previousTerm)
        for entry in append.entries {
            guard entry.index == index + 1, entry.term >= max(term, 1), entry.term <= append.term
            else { return false }
            if entry.kind == .membership, (try? Membership(decoding: entry.payload)) == nil {
                return false
            }
            (index, term) = (entry.index, entry.term)
        }
        return true
    }

    /// Takes off what the snapshot holds: every leader of this term or a later one has it too (6).
    private func cutOff(_ append: inout ConsensusMessage.Append) {
        guard let snapshot, append.previousIndex < snapshot.index else { return }
        append.entries.removeAll { $0.index <= snapshot.index }
        append.previousIndex = snapshot.index
        append.previousTerm = snapshot.term
        append.count = append.entries.count
    }
}
#endif
