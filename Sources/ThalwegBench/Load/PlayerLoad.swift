// Safe: `rows` is this load's own allocation of eight rows of `rowStride` bytes, each larger than
// the largest row; every store below is to a constant offset inside one of them. `patchValues` has
// room for the largest patch (4 + 4 + 8 + 8 bytes).
import ThalwegModel
public import ThalwegWire

/// Makes the writes of one worker: seeded, endless, each different from the one before.
///
/// An ASSERT writes the entity's name and region, which never change, and random numbers; a PATCH
/// two or three numeric fields. Rows are made in place from one template per region.
public struct PlayerLoad: ~Copyable, @unchecked Sendable {
    private static let rowStride = 128

    private var random: WyRand
    private let mix: Mix
    private var picker: EntityPicker
    /// The entities that are still to be written once, in order, before the random ones begin.
    private var sequence: Range<UInt64>
    private let rows: UnsafeMutableRawPointer
    private let rowSizes: InlineArray<8, Int>
    private let patchValues: UnsafeMutableRawPointer
    private let masks: [UInt64]
    private let stampsPatches: Bool

    /// - Parameters:
    ///   - sequence: entities to ASSERT once each, in order, before the random writes.
    ///   - stampsPatches: a PATCH carries the time in `seen` too, so that a record tells the time
    ///     of its newest write.
    public init(
        seed: UInt64,
        mix: Mix,
        picker: EntityPicker,
        sequence: Range<UInt64> = 0..<0,
        stampsPatches: Bool = false
    ) {
        self.stampsPatches = stampsPatches
        random = WyRand(seed: seed)
        self.mix = mix
        self.picker = picker
        self.sequence = sequence
        masks = Player.patchMasks
        let count = Player.regions.count
        rows = .allocate(byteCount: count * PlayerLoad.rowStride, alignment: 16)
        rows.initializeMemory(as: UInt8.self, repeating: 0, count: count * PlayerLoad.rowStride)
        patchValues = .allocate(byteCount: 32, alignment: 16)
        patchValues.initializeMemory(as: UInt8.self, repeating: 0, count: 32)
        rowSizes = InlineArray { Player.rowSize(region: $0) }
        for (number, region) in Player.regions.enumerated() {
            let row = rows + number * PlayerLoad.rowStride
            row.storeBytes(of: UInt16(Player.fixedSize).littleEndian, as: UInt16.self)
            let nameEnd = UInt32(Player.nameSize)
            row.storeBytes(of: nameEnd.littleEndian, toByteOffset: 2, as: UInt32.self)
            let regionEnd = nameEnd + UInt32(region.utf8.count)
            row.storeBytes(of: regionEnd.littleEndian, toByteOffset: 6, as: UInt32.self)
            let packed = Array("player-00000000".utf8) + Array(region.utf8)
            (row + Player.fixedSize).copyMemory(from: packed, byteCount: packed.count)
        }
    }

    deinit {
        rows.deallocate()
        patchValues.deallocate()
    }

    /// Entities of the sequence that are not written yet.
    public var remainingInSequence: Int { sequence.count }

    /// Adds writes to `batch` until it has `limitBytes` of payload or `limitWrites`; in the
    /// sequence stops at its end.
    ///
    /// - Parameter seenMicroseconds: the time that writes carry in `seen`.
    public mutating func fill(
        _ batch: inout PackedBatchWriter,
        limitBytes: Int,
        limitWrites: Int,
        seenMicroseconds: Int64
    ) {
        if !sequence.isEmpty {
            while batch.byteCount < limitBytes, batch.count < limitWrites, !sequence.isEmpty {
                let entity = sequence.lowerBound
                sequence = entity + 1..<sequence.upperBound
                assert(entity, random.next(), seenMicroseconds, &batch)
            }
            return
        }
        while batch.byteCount < limitBytes, batch.count < limitWrites {
            let bits = random.next()
            let entity = picker.next(&random)
            switch mix.operation(UInt32(truncatingIfNeeded: bits) & 0xffff) {
            case .assert: assert(entity, bits, seenMicroseconds, &batch)
            case .patch: patch(entity, bits, seenMicroseconds, &batch)
            case .retract: batch.retract(key: entity)
            }
        }
    }

    @inline(__always) private mutating func assert(
        _ entity: UInt64,
        _ bits: UInt64,
        _ seen: Int64,
        _ batch: inout PackedBatchWriter
    ) {
        let more = random.next()
        let region = Int(truncatingIfNeeded: entity & 7)
        let row = rows + region * PlayerLoad.rowStride
        let digits = hexadecimalDigits(UInt32(truncatingIfNeeded: entity))
        row.storeBytes(of: digits, toByteOffset: Player.nameDigits, as: UInt64.self)
        store(coordinate(bits >> 16), row, Player.x)
        store(coordinate(bits >> 32), row, Player.y)
        store(coordinate(bits >> 48), row, Player.z)
        store(coordinate(more), row, Player.heading)
        store(UInt32(truncatingIfNeeded: more >> 16) & 1_023, row, Player.health)
        store(UInt32(truncatingIfNeeded: more >> 26) & 4_095, row, Player.mana)
        store(UInt16(truncatingIfNeeded: more >> 38) & 255, row, Player.level)
        store(UInt8(truncatingIfNeeded: entity >> 3) & 7, row, Player.team)
        store(UInt8(truncatingIfNeeded: more >> 47) & 1, row, Player.alive)
        store(more >> 20, row, Player.score)
        store(UInt64(bitPattern: seen), row, Player.seen)
        batch.assert(
            key: entity,
            row: UnsafeRawBufferPointer(start: row, count: rowSizes[region])
        )
    }

    @inline(__always) private mutating func patch(
        _ entity: UInt64,
        _ bits: UInt64,
        _ seen: Int64,
        _ batch: inout PackedBatchWriter
    ) {
        var values = random.next()
        var mask = masks[Int(truncatingIfNeeded: ((bits >> 48) &* UInt64(masks.count)) >> 16)]
        var position = 0
        var rest = mask
        while rest != 0 {
            let field = rest.trailingZeroBitCount
            rest &= rest &- 1
            switch field {
            case 2...5:
                store(coordinate(values), patchValues, position)
                position += 4
            case 8:
                store(UInt16(truncatingIfNeeded: values) & 255, patchValues, position)
                position += 2
            case 11:
                store(values >> 20, patchValues, position)
                position += 8
            default:
                store(UInt32(truncatingIfNeeded: values) & 1_023, patchValues, position)
                position += 4
            }
            values = values >> 16 | values << 48
        }
        if stampsPatches {
            // `seen` is behind all patchable fields.
            mask |= Player.seenField
            store(UInt64(bitPattern: seen), patchValues, position)
            position += 8
        }
        batch.patch(
            key: entity,
            mask: mask,
            values: UnsafeRawBufferPointer(start: patchValues, count: position)
        )
    }

    @inline(__always) private func store<T: FixedWidthInteger & BitwiseCopyable>(
        _ value: T,
        _ target: UnsafeMutableRawPointer,
        _ offset: Int
    ) {
        target.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }

    /// Sixteen bits as a place on a map of 4,096 units: the bits of an f32.
    @inline(__always) private func coordinate(_ bits: UInt64) -> UInt32 {
        (Float(Int32(truncatingIfNeeded: bits & 0xffff)) * 0.0625).bitPattern
    }

    /// Eight hexadecimal digits, most significant first, as the bytes of a little-endian word.
    @inline(__always) private func hexadecimalDigits(_ number: UInt32) -> UInt64 {
        // Spread the nibbles over eight bytes, then add '0', and 39 more to those above 9.
        var word = UInt64(number.byteSwapped)
        word = (word | word << 16) & 0x0000_ffff_0000_ffff
        word = (word | word << 8) & 0x00ff_00ff_00ff_00ff
        word = (word >> 4 | word << 8) & 0x0f0f_0f0f_0f0f_0f0f
        let letters = ((word &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
        return (word &+ 0x3030_3030_3030_3030 &+ letters &* 39).littleEndian
    }
}
