import Glibc

/// Where the engine's library is looked for.
extension ProgramEngine {
    /// The library's name where `scripts/get-wasmtime.sh` puts it.
    public static let fileName = "libwasmtime-50.0.1.so"

    /// `THALWEG_WASMTIME` alone if it is set; else `../lib` beside the running binary, then
    /// `/usr/local/lib`, then `.wasmtime` in the current directory.
    public static func places() -> [String] {
        // Safe: the environment's text is copied at once.
        if let named = getenv("THALWEG_WASMTIME") { return [String(cString: named)] }
        var places: [String] = []
        if let binary = binaryDirectory() { places.append("\(binary)/../lib/\(fileName)") }
        places.append("/usr/local/lib/\(fileName)")
        // With its directory: a bare name would be searched for among the system's libraries.
        places.append("./.wasmtime/\(fileName)")
        return places
    }

    private static func binaryDirectory() -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX) + 1) { buffer in
            // Safe: readlink writes at most `PATH_MAX` bytes and returns how many.
            guard let base = buffer.baseAddress else { return nil }
            let count = readlink("/proc/self/exe", base, Int(PATH_MAX))
            guard count > 0 else { return nil }
            let bytes = buffer[..<count].map { UInt8(bitPattern: $0) }
            guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return nil }
            return String(decoding: bytes[..<slash], as: UTF8.self)
        }
    }
}
