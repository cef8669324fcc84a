// Who asserts a record, in 8 bytes where it is possible.
//
//   00 │ mask (62)          sources that the pool knows by a local number below 62
//   01 │ 3 × 16 bits        up to three sources by identity, ascending, 0 is nobody
//   10 │ handle             a set in the pool, shared by every record with the same members
//   11 │ …                  not a set: what a record has there while windows hold it (`Record`)
//
// The first 62 sources of a pool get local numbers, so the usual set is a mask and joining it is
// one OR. Each set has exactly one of these forms (a mask if it can be, else a list, else a
// handle), so two words are equal if and only if the sets are.
//
// Words are this node's own representation: local numbers depend on who came first. What leaves
// the process is the ascending list of identities.
//
// Sets behind handles are immutable and found by their members, so words may be copied freely.
// Those that nobody holds any more are found by marking: when the pool has doubled, the topic
// marks every word it has and the rest is reused.

struct SourceSets: ~Copyable {
    private static let listForm: UInt64 = 1 << 62
    private static let handleForm: UInt64 = 2 << 62
    private static let payload: UInt64 = (1 << 62) - 1
    private static let localNumbers = 62

    /// The local number of each identity that has one, by identity; `noLocal` for the others.
    private var locals: [UInt8] = []
    private static let noLocal: UInt8 = 0xff
    private var identities: [UInt16] = []
    /// Local numbers in the order of their identities.
    private var ascending: [Int] = []
    /// They are in that order by themselves.
    private var isAscending = true
    private var pooled: [[UInt16]] = []
    private var isMarked: [Bool] = []
    private var freeHandles: [Int] = []
    private var handles: [[UInt16]: Int] = [:]
    private var sweepAt = 1_024

    private var lastMembers: [UInt16] = []
    private var lastWord: UInt64 = 0

    static let empty: UInt64 = 0

    /// The word of `{source}`; giving a source its local number if one is left.
    mutating func single(_ source: UInt16) -> UInt64 {
        if let local = local(source) { return 1 << UInt64(local) }
        if identities.count < SourceSets.localNumbers {
            while locals.count <= Int(source) { locals.append(SourceSets.noLocal) }
            locals[Int(source)] = UInt8(identities.count)
            isAscending = isAscending && (identities.last ?? 0) < source
            identities.append(source)
            ascending = identities.indices.sorted { identities[$0] < identities[$1] }
            return 1 << UInt64(identities.count - 1)
        }
        return SourceSets.listForm | UInt64(source)
    }

    /// The word of `{source}` as far as it is known; `nil` where no set can have it as a member.
    func known(_ source: UInt16) -> UInt64? {
        if let local = local(source) { return 1 << UInt64(local) }
        return identities.count < SourceSets.localNumbers
            ? nil : SourceSets.listForm | UInt64(source)
    }

    @inline(__always) private func local(_ source: UInt16) -> UInt8? {
        guard Int(source) < locals.count, locals[Int(source)] != SourceSets.noLocal else {
            return nil
        }
        return locals[Int(source)]
    }

    /// A word in mask form can be joined with another by OR.
    @inline(__always) static func isMask(_ word: UInt64) -> Bool {
        word >> 62 == 0
    }

    /// The set with the source of `single` in it.
    @inline(__always) mutating func insert(_ single: UInt64, into word: UInt64) -> UInt64 {
        if SourceSets.isMask(word | single) { return word | single }
        return insertListed(single, into: word)
    }

    /// The set without the source of `single`.
    @inline(__always) mutating func remove(_ single: UInt64, from word: UInt64) -> UInt64 {
        if SourceSets.isMask(word | single) { return word & ~single }
        return removeListed(single, from: word)
    }

    @inline(__always) func contains(_ single: UInt64, in word: UInt64) -> Bool {
        if SourceSets.isMask(word | single) { return word & single != 0 }
        return members(word).contains(members(single)[0])
    }

    /// The identities, ascending.
    func members(_ word: UInt64) -> [UInt16] {
        var members: [UInt16] = []
        switch word >> 62 {
        case 0:
            forEachOfMask(word) { members.append($0) }
        case 1:
            var rest = word & SourceSets.payload
            while rest != 0 {
                members.append(UInt16(truncatingIfNeeded: rest))
                rest >>= 16
            }
        default:
            members = pooled[Int(word & SourceSets.payload)]
        }
        return members
    }

    /// The identity of a set in mask form that has one; `nil` of any other.
    @inline(__always) func only(_ word: UInt64) -> UInt16? {
        guard SourceSets.isMask(word), word != 0, word & (word - 1) == 0 else { return nil }
        return identities[word.trailingZeroBitCount]
    }

    /// Lends the identities, ascending: of the usual set without memory of its own.
    @inline(__always) func withMembers<Result>(
        _ word: UInt64, _ body: (UnsafeBufferPointer<UInt16>) -> Result
    ) -> Result {
        guard SourceSets.isMask(word) else { return members(word).withUnsafeBufferPointer(body) }
        return withUnsafeTemporaryAllocation(of: UInt16.self, capacity: SourceSets.localNumbers) {
            memory in
            var count = 0
            forEachOfMask(word) {
                // Safe: a mask has no more bits than there are local numbers.
                memory.baseAddress.unsafelyUnwrapped[count] = $0
                count += 1
            }
            return body(UnsafeBufferPointer(rebasing: memory[..<count]))
        }
    }

    /// Calls `body` with the identities of a set in mask form, ascending.
    @inline(__always) private func forEachOfMask(_ word: UInt64, _ body: (UInt16) -> Void) {
        var rest = word
        // Mostly, of many sources, one asserts a record: it is in order by itself.
        if isAscending || rest & (rest &- 1) == 0 {
            while rest != 0 {
                body(identities[rest.trailingZeroBitCount])
                rest &= rest - 1
            }
        } else {
            for local in ascending where word & (1 << UInt64(local)) != 0 {
                body(identities[local])
            }
        }
    }

    /// The word of a set given as it lies in an entry or snapshot: u16 × n, ascending.
    ///
    /// The usual set costs an array look-up for each member. Of the others the last one is kept:
    /// neighbours in a log mostly have the same.
    mutating func word(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var mask: UInt64 = 0
        for position in stride(from: 0, to: bytes.count, by: 2) {
            guard let local = local(SourceSets.identity(bytes, position)) else {
                return pooledWord(bytes)
            }
            mask |= 1 << UInt64(local)
        }
        return mask
    }

    @inline(__always) private static func identity(
        _ bytes: UnsafeRawBufferPointer, _ position: Int
    ) -> UInt16 {
        UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt16.self))
    }

    private mutating func pooledWord(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var isLast = bytes.count == lastMembers.count * 2
        for index in 0..<lastMembers.count where isLast {
            isLast = lastMembers[index] == SourceSets.identity(bytes, index * 2)
        }
        if isLast { return lastWord }
        lastMembers = stride(from: 0, to: bytes.count, by: 2).map {
            SourceSets.identity(bytes, $0)
        }
        lastWord = word(lastMembers)
        return lastWord
    }

    /// The word of a set given as ascending identities.
    mutating func word(_ members: [UInt16]) -> UInt64 {
        var mask: UInt64 = 0
        var isMask = true
        for source in members {
            let single = single(source)
            if SourceSets.isMask(single) {
                mask |= single
            } else {
                isMask = false
            }
        }
        if isMask { return mask }
        if members.count <= 3 {
            return members.reversed().reduce(0) { $0 << 16 | UInt64($1) } | SourceSets.listForm
        }
        return handle(members)
    }

    @inline(never) private mutating func insertListed(
        _ single: UInt64, into word: UInt64
    ) -> UInt64 {
        var members = members(word)
        let source = self.members(single)[0]
        if !members.contains(source) { members.append(source) }
        members.sort()
        return self.word(members)
    }

    @inline(never) private mutating func removeListed(
        _ single: UInt64, from word: UInt64
    ) -> UInt64 {
        let source = members(single)[0]
        return self.word(members(word).filter { $0 != source })
    }

    private mutating func handle(_ members: [UInt16]) -> UInt64 {
        if let handle = handles[members] { return SourceSets.handleForm | UInt64(handle) }
        let handle: Int
        if let free = freeHandles.popLast() {
            handle = free
            pooled[handle] = members
        } else {
            handle = pooled.count
            pooled.append(members)
        }
        handles[members] = handle
        return SourceSets.handleForm | UInt64(handle)
    }

    // MARK: Reuse

    /// The pool has grown enough that marking is worth a walk over all words.
    var wantsSweep: Bool { handles.count >= sweepAt }

    mutating func beginMarking() {
        isMarked = Array(repeating: false, count: pooled.count)
    }

    mutating func mark(_ word: UInt64) {
        if word >> 62 == 2 { isMarked[Int(word & SourceSets.payload)] = true }
    }

    /// Frees every set that was not marked since `beginMarking`.
    mutating func sweep() {
        lastMembers = []
        lastWord = 0
        for (members, handle) in handles where !isMarked[handle] {
            handles[members] = nil
            pooled[handle] = []
            freeHandles.append(handle)
        }
        sweepAt = max(1_024, handles.count * 2)
    }
}
