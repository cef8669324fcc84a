// Any bytes through the frame splitter and the decoder of every type of frame.
//
//   input = u8 key kind | frame
//
// The input is split as it is; then its type, request id and payload are framed again with a right
// checksum, so that the decoders are reached. What decodes must encode to the same bytes.
import ThalwegModel
import ThalwegWire

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzFrames(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = UnsafeRawBufferPointer(start: start, count: count)
    guard count > FrameHeader.size else { return 0 }
    let kind = KeyKind.allCases[Int(input[0]) % KeyKind.allCases.count]
    let received = Array(input.dropFirst())
    received.withUnsafeBytes { split($0, kind) }

    guard let type = FrameType(rawValue: received[4]) else { return 0 }
    let frame = Frame.bytes(type, requestID: 7) { $0.raw(received[FrameHeader.size...]) }
    frame.withUnsafeBytes { split($0, kind) }
    return 0
}

private func split(_ bytes: UnsafeRawBufferPointer, _ kind: KeyKind) {
    var splitter = FrameSplitter(bytes)
    do throws(ThalwegError) {
        while let frame = try splitter.next() {
            let before = splitter.consumed - FrameHeader.size - frame.payload.count
            let again = try reencoded(frame, keyKind: kind)
            precondition(
                again.elementsEqual(bytes[before..<splitter.consumed]),
                "a frame is not canonical"
            )
        }
        precondition(splitter.consumed <= bytes.count, "consumed more than there is")
    } catch {
        precondition(error.code.rawValue != 0, "every error has a code")
    }
}
