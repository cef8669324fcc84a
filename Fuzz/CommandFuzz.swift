// Any bytes as what a Redis client sends.
//
//   input = u8 length of the first piece | bytes
//
// What is found in the bytes at once must be found when they come in two pieces, and arguments must lie
// within their command.
import ThalwegModel
import ThalwegWire

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCommands(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard count > 1, let start else { return 0 }
    let input = UnsafeRawBufferPointer(start: start + 1, count: count - 1)
    let whole = commands(in: input, comingFirst: input.count)
    let parted = commands(in: input, comingFirst: min(Int(start[0]), input.count))
    precondition(whole == parted, "pieces make a difference")
    return 0
}

/// The commands, and the error that ends them.
private func commands(
    in input: UnsafeRawBufferPointer, comingFirst first: Int
) -> [[[UInt8]]] {
    var parser = CommandParser(maximumBytes: 2_048)
    var found: [[[UInt8]]] = []
    var taken = 0
    var rest = UnsafeRawBufferPointer(rebasing: input[..<first])
    do throws(ThalwegError) {
        while true {
            guard try parser.next(in: rest) else {
                guard taken + rest.count < input.count else { return found }
                rest = UnsafeRawBufferPointer(rebasing: input[taken...])
                continue
            }
            precondition(
                parser.byteCount > 0 && parser.byteCount <= rest.count, "takes what is there")
            found.append(
                parser.unquoted.isEmpty
                    ? parser.arguments.map { place in
                        precondition(
                            place.upperBound <= parser.byteCount, "lies within its command")
                        return Array(rest[place])
                    } : parser.unquoted)
            taken += parser.byteCount
            rest = UnsafeRawBufferPointer(rebasing: rest[parser.byteCount...])
            parser.forget()
        }
    } catch {
        precondition(error.code.rawValue != 0, "every error has a code")
        return found + [[Array(error.code.name.utf8)]]
    }
}
