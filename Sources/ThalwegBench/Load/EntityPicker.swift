/// Which record the next write goes to.
public struct EntityPicker: Sendable {
    /// Entities are `first`, `first + stride`, `first + 2 · stride`…
    let first: UInt64
    let stride: UInt64
    /// How many there are.
    let count: UInt32
    /// The first so many of them are hot; 0 where all are equal.
    let hotCount: UInt32
    /// A random number below this goes to the hot ones.
    let hotBelow: UInt32

    /// - Parameters:
    ///   - entities: how many there are, at least 1.
    ///   - hotPercent: this share of them gets 90 % of the writes; 0 or 100 for no difference.
    ///   - worker: with `workers`, the part of the entities that only this one writes.
    public init(entities: Int, hotPercent: Int = 0, worker: Int = 0, ofWorkers workers: Int = 1) {
        precondition(entities > 0 && entities <= UInt32.max, "1 to 4,294,967,295 entities")
        precondition(worker >= 0 && worker < workers && workers <= entities, "a part is not empty")
        first = UInt64(worker)
        stride = UInt64(workers)
        count = UInt32((entities - worker + workers - 1) / workers)
        // Rounded up over all entities, so that the union of all parts has exactly the share.
        let hotEntities = hotPercent == 100 ? 0 : (entities * hotPercent + 99) / 100
        let hot = hotEntities > worker ? (hotEntities - worker + workers - 1) / workers : 0
        hotCount = UInt32(hot)
        hotBelow = hot == 0 || hot == Int(count) ? 0 : 65_536 / 10 * 9
    }

    /// Whether `entity` is one of the hot ones, of `entities` with `hotPercent`.
    static func isHot(_ entity: Int, entities: Int, hotPercent: Int) -> Bool {
        entity < (entities * hotPercent + 99) / 100
    }

    @inline(__always) mutating func next(_ random: inout WyRand) -> UInt64 {
        let bits = random.next()
        let index: UInt64
        if hotBelow == 0 {
            index = scaled(bits, count)
        } else if UInt32(truncatingIfNeeded: bits) & 0xffff < hotBelow {
            index = scaled(bits, hotCount)
        } else {
            index = UInt64(hotCount) &+ scaled(bits, count &- hotCount)
        }
        return first &+ index &* stride
    }

    /// The upper half of random bits as a number below `bound`.
    @inline(__always) private func scaled(_ bits: UInt64, _ bound: UInt32) -> UInt64 {
        ((bits >> 32) &* UInt64(bound)) >> 32
    }
}
