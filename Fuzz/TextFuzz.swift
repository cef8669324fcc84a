// Any bytes as JSON.
//
// What is read is written, read back, and is the same.
import ThalwegModel
import ThalwegText

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzText(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do throws(ThalwegError) {
        let value = try JSON(parsing: UnsafeRawBufferPointer(start: start, count: count))
        let again = try JSON(parsing: value.text)
        precondition(again == value, "what is written is read back")
    } catch {
        precondition(error.code == .invalidRow, "it says that it is none")
    }
    return 0
}
