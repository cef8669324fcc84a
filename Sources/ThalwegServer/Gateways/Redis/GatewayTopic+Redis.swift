import NIOCore
import ThalwegModel
import ThalwegText
import ThalwegWire

// As Redis clients see it: strings where it has no schema, hashes where it has one.
extension GatewayTopic {
    /// Appends the key that `text` writes, as the wire has it.
    func encode(_ text: UnsafeRawBufferPointer, into bytes: inout [UInt8]) throws(RedisStop) {
        guard keyKind == .string else {
            let key = Result { () throws(ThalwegError) in
                try Key(keyKind, text: String(decoding: text, as: UTF8.self)).encoded()
            }
            switch key {
            case .success(let encoded):
                bytes += encoded
                return
            case .failure(let error): throw .failed(error)
            }
        }
        guard text.count <= Limits.stringKeyBytes else {
            throw .failed(
                .exceeded(
                    .invalidKey, "the key's length in bytes", value: text.count,
                    limit: Limits.stringKeyBytes, advice: "use a shorter key"))
        }
        guard isUTF8(text) else {
            throw .failed(
                ThalwegError(
                    .invalidKey, "the key is not UTF-8",
                    advice: "write bytes as hexadecimal digits or base64"))
        }
        bytes.append(UInt8(text.count))
        bytes.append(contentsOf: text)
    }

    /// The key as its client writes it.
    func text(ofKey encoded: UnsafeRawBufferPointer) -> [UInt8] {
        if keyKind == .string { return Array(encoded.dropFirst()) }
        // It came from the server, which checked it.
        return (try? key(encoded)).map { Array("\($0)".utf8) } ?? []
    }

    // MARK: Fields

    /// The layout of a topic with fields.
    func fields(for command: String) throws(RedisStop) -> RowLayout {
        guard let layout else {
            throw .failed(
                .wrongType(name, "has no fields; \(command) is for topics with a schema"))
        }
        return layout
    }

    /// A field's place in the schema; `nil` where there is none of that name.
    func place(ofField name: UnsafeRawBufferPointer) -> Int? {
        layout?.schema.fields.firstIndex { $0.name.utf8.elementsEqual(name) }
    }

    func unknownField(_ name: UnsafeRawBufferPointer) -> ThalwegError {
        let names = layout?.schema.fields.map(\.name) ?? []
        return ThalwegError(
            .invalidRow, "there is no field '\(String(decoding: name.prefix(100), as: UTF8.self))'",
            advice: "the fields are " + names.joined(separator: ", "))
    }

    /// The fields of a row that are present, in schema order.
    func present(_ row: UnsafeRawBufferPointer) -> [(name: String, text: [UInt8])] {
        guard let layout else { return [] }
        return zip(layout.schema.fields, layout.decode(row)).compactMap { field, value in
            FieldText.bytes(value, field.type).map { (field.name, $0) }
        }
    }

    /// Writes a record for who listens: its value, or its fields as a JSON object.
    func value(_ row: UnsafeRawBufferPointer) -> [UInt8] {
        guard let layout else { return Array(row) }
        return Array(RecordJSON.object(layout.decode(row), layout.schema).text.utf8)
    }
}
