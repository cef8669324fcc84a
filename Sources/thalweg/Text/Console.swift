import Foundation

/// The process's streams for people and for scripts.
enum OutputStream {
    case standard
    case error
}

/// Writes text to a stream at once, in one piece where the system takes it so.
func write(_ text: String, to stream: OutputStream) {
    let handle: FileHandle =
        switch stream {
        case .standard: .standardOutput
        case .error: .standardError
        }
    // A reader that is gone has no use for the rest: there is nobody to tell.
    try? handle.write(contentsOf: Data(text.utf8))
}

/// Writes a line to the standard output.
func writeLine(_ text: String) {
    write(text + "\n", to: .standard)
}

/// An error of a library as one line, without the type's inside.
func describe(_ error: any Error) -> String {
    let text = (error as NSError).localizedDescription
    return text.split(whereSeparator: \.isNewline).joined(separator: " ")
}
