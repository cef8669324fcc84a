/// The values of one record, as a program asks for them. Lives for one evaluation.
///
/// What a row of an older version lacks reads as zero, empty or absent: a place at or behind the
/// row's own fixed zone is not there, and whole fields are there or not.
struct Record {
    private let row: UnsafeRawBufferPointer
    private let key: UnsafeRawBufferPointer
    private let constants: UnsafeRawBufferPointer
    /// The row's two length bytes and fixed zone; 0 where no field is read.
    private let fixed: Int

    @inline(__always)
    init(
        row: UnsafeRawBufferPointer,
        key: UnsafeRawBufferPointer,
        constants: UnsafeRawBufferPointer,
        readsRow: Bool
    ) {
        self.row = row
        self.key = key
        self.constants = constants
        guard readsRow else {
            fixed = 0
            return
        }
        precondition(row.count >= 2, "a row begins with its fixed zone's size")
        // Safe: the row has two bytes.
        fixed = Int(UInt16(littleEndian: row.loadUnaligned(as: UInt16.self)))
        precondition(fixed <= row.count, "a row is as long as its fixed zone")
    }

    @inline(__always)
    func isAbsent(_ place: Place) -> Bool {
        let presence = Int(place.presence)
        return presence != 0 && (presence >= fixed || row[presence] == 0)
    }

    /// A number or bool: integers extended to 64 bits by their sign, floats as a Double's bits.
    @inline(__always)
    func bits(_ place: Place) -> UInt64 {
        if place.load == .keyInteger {
            precondition(key.count == 8, "a u64 key has eight bytes")
            // Safe: the key has eight bytes.
            return UInt64(littleEndian: key.loadUnaligned(as: UInt64.self))
        }
        let offset = Int(place.offset)
        guard offset < fixed else { return 0 }
        switch place.load {
        case .i8: return UInt64(bitPattern: Int64(integer(Int8.self, offset)))
        case .i16: return UInt64(bitPattern: Int64(integer(Int16.self, offset)))
        case .i32: return UInt64(bitPattern: Int64(integer(Int32.self, offset)))
        case .i64, .u64, .f64: return integer(UInt64.self, offset)
        case .u8: return UInt64(row[offset])
        case .u16: return UInt64(integer(UInt16.self, offset))
        case .u32: return UInt64(integer(UInt32.self, offset))
        case .f32: return Double(Float(bitPattern: integer(UInt32.self, offset))).bitPattern
        case .keyInteger, .uuid, .variable, .keyBytes, .keyText:
            preconditionFailure("bytes are not a number")
        }
    }

    // Safe: fields are whole in the fixed zone, which is inside the row.
    @inline(__always)
    private func integer<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, _ offset: Int) -> T
    {
        T(littleEndian: row.loadUnaligned(fromByteOffset: offset, as: type))
    }

    /// The bytes of a string, bytes, uuid or key.
    @inline(__always)
    func bytes(_ place: Place) -> UnsafeRawBufferPointer {
        let offset = Int(place.offset)
        switch place.load {
        case .variable:
            guard offset < fixed else { return UnsafeRawBufferPointer(start: nil, count: 0) }
            let previous = Int(place.previousEnd)
            let start = previous == 0 ? 0 : Int(integer(UInt32.self, previous))
            let end = Int(integer(UInt32.self, offset))
            precondition(start <= end && end <= row.count - fixed, "packed ends are in order")
            // Safe: the line above.
            return UnsafeRawBufferPointer(rebasing: row[fixed + start..<fixed + end])
        case .uuid:
            return offset < fixed
                ? UnsafeRawBufferPointer(rebasing: row[offset..<offset + 16])
                : UnsafeRawBufferPointer(rebasing: constants[0..<Program.zeros])
        case .keyBytes:
            return key
        case .keyText:
            precondition(
                !key.isEmpty && key.count == Int(key[0]) + 1,
                "a string key begins with its length"
            )
            return UnsafeRawBufferPointer(rebasing: key[1...])
        case .i8, .i16, .i32, .i64, .u8, .u16, .u32, .u64, .f32, .f64, .keyInteger:
            preconditionFailure("a number is not bytes")
        }
    }

    /// Below, at or above zero as `left` is below, equal to or above `right`; `nil` beside NaN.
    func order(_ left: Place, _ right: Place) -> Int? {
        let leftBits = bits(left)
        let rightBits = bits(right)
        return Number(leftBits, left.load).order(Number(rightBits, right.load))
    }
}
