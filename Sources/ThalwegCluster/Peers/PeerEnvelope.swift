// What every message between nodes is wrapped in, in a handshake and behind it, little-endian:
//
//   u32 length of what follows │ u32 crc32c of what follows it │ u8 version (1) │ u8 kind │ u16 0
//   │ body
import CThalwegShims
import ThalwegModel

/// One family of messages between nodes: the envelope, and what is said where one is not right.
struct PeerEnvelope {
    static let byteCount = 12
    private static let version: UInt8 = 1

    /// What one is called in errors: `a frame between nodes`.
    let name: String
    /// Bytes behind the length, at most and at least.
    let lengths: ClosedRange<Int>
    let advice: String

    // MARK: Bytes out

    /// A whole message, its length in front.
    func encoded(
        kind: UInt8, reserving bytes: Int, _ body: (inout ByteWriter) -> Void
    ) -> [UInt8] {
        var writer = ByteWriter(reserving: bytes)
        writer.integer(UInt32(0))
        writer.integer(UInt32(0))
        writer.integer(Self.version)
        writer.integer(kind)
        writer.integer(UInt16(0))
        body(&writer)
        writer.patch(UInt32(writer.bytes.count - PeerFrame.lengthBytes), at: 0)
        writer.patch(writer.bytes.withUnsafeBytes { Self.checksum($0) }, at: 4)
        return writer.bytes
    }

    /// The same bytes with the sum that belongs to them.
    static func resealed(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count > 8 else { return bytes }
        var writer = ByteWriter(reserving: bytes.count)
        writer.raw(bytes)
        writer.patch(bytes.withUnsafeBytes { checksum($0) }, at: 4)
        return writer.bytes
    }

    // MARK: Bytes in

    /// The length of the message that begins with these four bytes, themselves included.
    ///
    /// Throws `frame_too_large`, `invalid_frame`.
    func byteCount(_ bytes: [UInt8]) throws(ThalwegError) -> Int {
        guard bytes.count >= PeerFrame.lengthBytes else { throw malformed("a length of 4 bytes") }
        let length = bytes.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= lengths.upperBound else {
            throw .exceeded(
                .frameTooLarge, "\(name) in bytes", value: length, limit: lengths.upperBound,
                advice: advice)
        }
        guard length >= lengths.lowerBound else { throw malformed("an envelope") }
        return length + PeerFrame.lengthBytes
    }

    /// Reads a whole message: `body` gets its kind, and must use up what is behind the envelope.
    ///
    /// Throws `invalid_frame`, `bad_checksum`, `unsupported_version`, `frame_too_large`.
    func decode<Message>(
        _ bytes: [UInt8],
        _ body: (UInt8, inout ByteReader) throws(ThalwegError) -> Message
    ) throws(ThalwegError) -> Message {
        guard try byteCount(bytes) == bytes.count else {
            throw malformed("as many bytes as it says")
        }
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(ThalwegError) in
                var reader = ByteReader(bytes)
                let kind = try open(&reader, Self.checksum(bytes))
                let message = try body(kind, &reader)
                try reader.finish()
                return message
            }
        }
        return try result.get()
    }

    private func open(
        _ reader: inout ByteReader, _ checksum: UInt32
    ) throws(ThalwegError) -> UInt8 {
        _ = try reader.integer(UInt32.self)
        guard try reader.integer(UInt32.self) == checksum else {
            throw ThalwegError(.badChecksum, "\(name) has a wrong sum")
        }
        let version = try reader.integer(UInt8.self)
        guard version == Self.version else {
            throw ThalwegError(
                .unsupportedVersion, "\(name) has version \(version)",
                advice: "upgrade the nodes one after the other, without skipping a version",
                limit: UInt64(Self.version), value: UInt64(version))
        }
        let kind = try reader.integer(UInt8.self)
        guard try reader.integer(UInt16.self) == 0 else { throw malformed("zeros") }
        return kind
    }

    private static func checksum(_ message: UnsafeRawBufferPointer) -> UInt32 {
        // Safe: a message has at least its envelope.
        guard let base = message.baseAddress, message.count > 8 else { return 0 }
        return thalweg_crc32c(0, base + 8, message.count - 8)
    }

    func malformed(_ wanted: String) -> ThalwegError {
        ThalwegError(.invalidFrame, "\(name) lacks \(wanted)", advice: advice)
    }
}
