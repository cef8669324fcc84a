#if canImport(Glibc)
internal import Glibc
#elseif canImport(Darwin)
internal import Darwin
#endif

extension Program {
    /// Runs the program on one record. `readsRow`: some instruction reads a field.
    func evaluate(
        row: UnsafeRawBufferPointer,
        key: UnsafeRawBufferPointer,
        sources: UnsafeBufferPointer<UInt16>,
        readsRow: Bool
    ) -> Bool {
        if start >= Instruction.reject { return start == Instruction.accept }
        // Safe: the pointers do not leave the closures. The row's length is checked here, its
        // packed ends and the key's length where they are used; the compiler took every other
        // place from the layout and every range from these arrays.
        return instructions.withUnsafeBufferPointer { code in
            constants.withUnsafeBytes { constants in
                let record = Record(row: row, key: key, constants: constants, readsRow: readsRow)
                var next = start
                while next < Instruction.reject {
                    let instruction = code[Int(next)]
                    let holds = holds(instruction, record, constants, sources)
                    next = holds ? instruction.ifTrue : instruction.ifFalse
                }
                return next == Instruction.accept
            }
        }
    }

    @inline(__always)
    private func holds(
        _ instruction: Instruction,
        _ record: Record,
        _ constants: UnsafeRawBufferPointer,
        _ sources: UnsafeBufferPointer<UInt16>
    ) -> Bool {
        let left = instruction.left
        switch instruction.opcode {
        case .signed:
            guard !record.isAbsent(left) else { return false }
            let value = Int64(bitPattern: record.bits(left))
            return instruction.relation.holds(value, Int64(bitPattern: instruction.immediate))
        case .unsigned:
            guard !record.isAbsent(left) else { return false }
            return instruction.relation.holds(record.bits(left), instruction.immediate)
        case .float:
            guard !record.isAbsent(left) else { return false }
            let value = Double(bitPattern: record.bits(left))
            return instruction.relation.holds(value, Double(bitPattern: instruction.immediate))
        case .member:
            guard !record.isAbsent(left) else { return false }
            return contains(record.bits(left), in: instruction)
        case .twoNumbers:
            guard !record.isAbsent(left), !record.isAbsent(instruction.right) else { return false }
            guard let order = record.order(left, instruction.right) else { return false }
            return instruction.relation.holds(order, 0)
        case .bytes:
            guard !record.isAbsent(left) else { return false }
            let constant = slice(constants, instruction)
            return compare(record.bytes(left), constant, instruction.relation)
        case .twoBytes:
            guard !record.isAbsent(left), !record.isAbsent(instruction.right) else { return false }
            return compare(
                record.bytes(left),
                record.bytes(instruction.right),
                instruction.relation
            )
        case .contains:
            guard !record.isAbsent(left) else { return false }
            return search(record.bytes(left), instruction, constants)
        case .startsWith:
            guard !record.isAbsent(left) else { return false }
            let text = record.bytes(left)
            guard text.count >= instruction.count else { return false }
            return areEqual(text.prefix(instruction.count), slice(constants, instruction))
        case .endsWith:
            guard !record.isAbsent(left) else { return false }
            let text = record.bytes(left)
            guard text.count >= instruction.count else { return false }
            return areEqual(text.suffix(instruction.count), slice(constants, instruction))
        case .present:
            return !record.isAbsent(left)
        case .source:
            return sources.contains { contains(UInt64($0), in: instruction) }
        }
    }

    @inline(__always)
    private func slice(
        _ constants: UnsafeRawBufferPointer,
        _ instruction: Instruction
    ) -> UnsafeRawBufferPointer {
        let start = instruction.start
        return UnsafeRawBufferPointer(rebasing: constants[start..<start + instruction.count])
    }

    /// Binary search in a sorted list of words.
    private func contains(_ word: UInt64, in instruction: Instruction) -> Bool {
        var low = instruction.start
        var high = low + instruction.count
        while low < high {
            let middle = (low + high) / 2
            if words[middle] < word { low = middle + 1 } else { high = middle }
        }
        return low < instruction.start + instruction.count && words[low] == word
    }

    // MARK: Bytes

    private func areEqual(
        _ left: Slice<UnsafeRawBufferPointer>,
        _ right: UnsafeRawBufferPointer
    ) -> Bool {
        compare(UnsafeRawBufferPointer(rebasing: left), right, .equal)
    }

    /// Byte by byte, the shorter one first: for UTF-8 the order of Unicode scalars.
    private func compare(
        _ left: UnsafeRawBufferPointer,
        _ right: UnsafeRawBufferPointer,
        _ relation: Relation
    ) -> Bool {
        if relation == .equal, left.count != right.count { return false }
        let common = min(left.count, right.count)
        var order = 0
        if common > 0, let left = left.baseAddress, let right = right.baseAddress {
            // Safe: both have at least `common` bytes.
            order = Int(memcmp(left, right, common))
        }
        return relation.holds(order == 0 ? left.count - right.count : order, 0)
    }

    /// Linear in the text whatever the constant: a hostile filter costs no more than a plain one.
    private func search(
        _ text: UnsafeRawBufferPointer,
        _ instruction: Instruction,
        _ constants: UnsafeRawBufferPointer
    ) -> Bool {
        let constant = slice(constants, instruction)
        if constant.isEmpty { return true }
        guard text.count >= constant.count, let base = text.baseAddress else { return false }
        return borders.withUnsafeBufferPointer { borders in
            var matched = 0
            var position = 0
            while position < text.count {
                if matched == 0 {
                    // Safe: searches from `position` to the end of the text.
                    let found = memchr(base + position, Int32(constant[0]), text.count - position)
                    guard let found else { return false }
                    position = UnsafeRawPointer(found) - base
                }
                while matched > 0, text[position] != constant[matched] {
                    matched = Int(borders[instruction.start + matched - 1])
                }
                if text[position] == constant[matched] { matched += 1 }
                if matched == constant.count { return true }
                position += 1
            }
            return false
        }
    }
}
