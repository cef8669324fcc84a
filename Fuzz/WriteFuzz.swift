// Any schema and any writes: what the window does with bytes from a stranger.
//
//   input = u8 key kind | u16 length, schema | write, write, …
//
// Each ASSERT is checked (and upgraded), each PATCH is applied to the row before it. Whatever
// passes the checks must be a canonical row again.
import ThalwegModel
import ThalwegWire

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzWrites(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do throws(ThalwegError) {
        var reader = ByteReader(UnsafeRawBufferPointer(start: start, count: count))
        let kind = KeyKind.allCases[Int(try reader.integer(UInt8.self)) % KeyKind.allCases.count]
        let length = Int(try reader.integer(UInt16.self))
        var definition = ByteReader(try reader.bytes(length))
        let layout = try RowLayout(Schema(from: &definition))
        walk(try reader.bytes(reader.remaining), kind, layout)
    } catch {
        precondition(error.code.rawValue != 0, "every error has a code")
    }
    return 0
}

private func walk(_ writes: UnsafeRawBufferPointer, _ kind: KeyKind, _ layout: RowLayout) {
    var row = layout.defaultRow
    var cursor = WriteCursor(writes, keyKind: kind)
    while cursor.next() {
        let before = row
        switch cursor.operation {
        case .assert:
            switch layout.check(cursor.body) {
            case .current: row = Array(cursor.body)
            case .older: row = upgraded(cursor.body, layout)
            case .invalid: continue
            }
        case .patch:
            guard let next = patched(row, cursor.mask, cursor.body, layout) else { continue }
            row = next
        case .retract:
            row = layout.defaultRow
        }
        row.withUnsafeBytes { bytes in
            precondition(layout.check(bytes) == .current, "a row is not canonical")
            let mask = before.withUnsafeBytes { layout.changedFields(from: $0, to: bytes) }
            precondition((mask == 0) == (before == row), "a change has no field, or no bytes")
            let values = layout.decode(bytes)
            // A signalling NaN of 32 bits does not survive the way through `Double`.
            if "\(values)".contains("nan") { return }
            let again = try? layout.encode(values)
            precondition(again == Array(bytes), "equal values are not equal bytes")
        }
    }
}

private func upgraded(_ row: UnsafeRawBufferPointer, _ layout: RowLayout) -> [UInt8] {
    let size = layout.upgradedSize(of: row)
    return [UInt8](unsafeUninitializedCapacity: size) { target, count in
        layout.upgrade(
            row,
            into: UnsafeMutableRawBufferPointer(start: target.baseAddress, count: size)
        )
        count = size
    }
}

private func patched(
    _ row: [UInt8],
    _ mask: UInt64,
    _ values: UnsafeRawBufferPointer,
    _ layout: RowLayout
) -> [UInt8]? {
    row.withUnsafeBytes { row in
        guard layout.isValidPatch(mask: mask, values: values) else { return nil }
        let size = layout.sizeAfterPatch(row, mask: mask, values: values)
        return [UInt8](unsafeUninitializedCapacity: size) { target, count in
            layout.apply(
                patch: values,
                mask: mask,
                to: row,
                into: UnsafeMutableRawBufferPointer(start: target.baseAddress, count: size)
            )
            count = size
        }
    }
}
