import Testing

@testable import ThalwegEngine

@Suite struct SourceSetsTests {
    @Test(arguments: [3, 62, 63, 80, 300])
    func setsOfAnySourcesAgreeWithNaiveOnes(sourceCount: Int) {
        var random = RandomSource(seed: UInt64(sourceCount))
        var sources: Set<UInt16> = [65_535, 1]
        while sources.count < sourceCount { sources.insert(UInt16(1 + random.below(65_535))) }
        let identities = sources.shuffled(using: &random)
        var sets = SourceSets()
        var words = [UInt64](repeating: SourceSets.empty, count: 50)
        var twins = [Set<UInt16>](repeating: [], count: 50)
        for step in 0..<(sourceCount > 100 ? 2_000 : 6_000) {
            let at = random.below(words.count)
            let source = random.pick(identities)
            let single = sets.single(source)
            #expect(sets.contains(single, in: words[at]) == twins[at].contains(source))
            if random.once(in: twins[at].count > 5 ? 2 : 3) {
                words[at] = sets.remove(single, from: words[at])
                twins[at].remove(source)
            } else {
                words[at] = sets.insert(single, into: words[at])
                twins[at].insert(source)
            }
            #expect(sets.members(words[at]) == twins[at].sorted())
            #expect((words[at] == SourceSets.empty) == twins[at].isEmpty)
            sets.checkCanonical(words[at])
            let other = random.below(words.count)
            #expect((words[at] == words[other]) == (twins[at] == twins[other]))
            if sets.wantsSweep || step % 500 == 499 {
                sets.beginMarking()
                for word in words { sets.mark(word) }
                sets.sweep()
                for (word, twin) in zip(words, twins) {
                    #expect(sets.members(word) == twin.sorted())
                    sets.checkCanonical(word)
                }
            }
        }
    }

    @Test func theFirst62SourcesAreOneMaskAndTheNextAreListsAndHandles() {
        var sets = SourceSets()
        var word = SourceSets.empty
        for source in (1...62).reversed() as [UInt16] {
            word = sets.insert(sets.single(source), into: word)
        }
        #expect(SourceSets.isMask(word))
        #expect(sets.withMembers(word) { Array($0) } == Array(1...62))
        #expect(sets.members(word) == Array(1...62))
        // Its local number is the last, its identity the first.
        #expect(sets.withMembers(sets.single(1)) { Array($0) } == [1])
        let list = sets.word([1, 100, 65_535])
        #expect(list >> 62 == 1 && sets.members(list) == [1, 100, 65_535])
        #expect(sets.withMembers(list) { Array($0) } == [1, 100, 65_535])
        let handle = sets.word([1, 2, 3, 100])
        #expect(handle >> 62 == 2 && sets.members(handle) == [1, 2, 3, 100])
        #expect(sets.withMembers(handle) { Array($0) } == [1, 2, 3, 100])
        // Without the one source that has no bit it is a mask again.
        #expect(SourceSets.isMask(sets.remove(sets.single(100), from: handle)))
    }

    @Test func setsThatNobodyHoldsAreUsedAgain() {
        var sets = SourceSets()
        for source in 1...62 as ClosedRange<UInt16> { _ = sets.single(source) }
        let kept = sets.word([1, 2, 3, 60_000])
        var handles: Set<UInt64> = [kept]
        var sweeps = 0
        for round in 0..<20_000 as Range<UInt16> {
            handles.insert(sets.word([1, 2, 3, 100 + round]))
            if sets.wantsSweep {
                sweeps += 1
                sets.beginMarking()
                sets.mark(kept)
                sets.sweep()
            }
        }
        #expect(sweeps > 10)
        #expect(handles.count <= 1_100)
        #expect(sets.members(kept) == [1, 2, 3, 60_000])
    }
}
