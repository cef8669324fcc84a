import ThalwegModel

/// The text of `docs/errors.md`: every code with its number, name, and what it means.
enum ErrorDocument {
    private static let groups: [(range: ClosedRange<UInt16>, title: String)] = [
        (1...99, "The connection and its frames"), (100...199, "Topics, schemas, names"),
        (200...299, "Writes"), (300...399, "Sources, sessions, rights"),
        (400...499, "Reading"), (500...599, "Memory, disk, the server itself"),
        (600...699, "Programs"),
    ]

    static var text: String {
        var text = """
            # Errors

            Every error has a number and a name that never change their meaning, a message for people, advice on what to do,
            and, where a limit was exceeded, the limit and the value. Branch on the number or the name, never on the message.
            The command prints `thalweg: name: message; advice` and ends with status 1. This page is written by `make errors`.

            """
        for group in groups {
            text += "\n## \(group.title)\n\n| number | name | meaning |\n| --- | --- | --- |\n"
            for number in ErrorCode.names.keys.sorted() where group.range.contains(number) {
                let name = ErrorCode(rawValue: number).name
                text += "| \(number) | `\(name)` | \(meanings[number] ?? "") |\n"
            }
        }
        return text
    }

    static let meanings: [UInt16: String] = [
        1: "The bytes are not a frame, or a message in it is cut short or has too much.",
        2: "A frame's sum does not fit its bytes: the connection is closed.",
        3: "A frame's payload is longer than this server takes.",
        4: "Client and server, or server and data directory, have no version in common.",
        5: "The first frame was not HELLO, or none came in time.",
        6: "The frame's type is not one of this version.",
        7: "The server has as many connections as it may.",
        8: "The connection was lost; nobody knows whether a write on its way was carried out.",
        9: "No answer in time; the same is true of a write.",
        10: "Too many requests of this connection are not answered yet.",
        11: "The listener takes TLS only, and what came was plain text.",
        12:
            "There was no agreement on TLS: a certificate is missing, not believed, expired or another's, or one side speaks plain text.",
        100: "There is no topic of this name or number.",
        101: "There is a topic of this name with another kind of key or value.",
        102: "The name is not one that topics or sources may have.",
        103: "The schema, or the text of it, is not possible.",
        104: "The schema removes, moves or retypes a field of the topic's.",
        105: "More fields or members than a schema may have.",
        106: "The server has as many topics as it may.",
        107: "The topic's options are not possible, or cannot be changed so.",
        200: "The key is not of the topic's kind, or too long.",
        201: "The row or patch is not one of the topic's schema.",
        202: "The record is larger than a record may be.",
        203: "A batch of writes is not well formed.",
        204: "The write's condition did not hold; nothing was changed.",
        205: "More metadata than one write may carry.",
        206: "This version of the server does not do this.",
        207: "The topic's program refused the write.",
        208: "The topic's program trapped or ran out of fuel.",
        209: "The write was merged and could not be committed.",
        300: "Another connection holds the source and does not share it.",
        301: "The server knows as many sources as it can.",
        302:
            "Writing needs a source, and the connection has none, or there is none of this number.",
        303: "The connection may not do this.",
        304: "The connection did not prove who it is.",
        305: "There is no such session, or it has expired.",
        306: "The source has an epoch open already.",
        307: "The source has no epoch open.",
        308: "Another connection goes on with the session: this one is closed.",
        400: "The offset is below what the topic still remembers: start over.",
        401: "The filter is not one, or does not fit the schema.",
        402: "There is no subscription of this number.",
        403: "The connection has as many subscriptions as it may.",
        404: "The topic keeps no history.",
        405: "The offset was not applied in time.",
        406: "The reader was too slow for what it asked for.",
        500: "The server has as much in memory as it may: writes are refused, reads go on.",
        501: "The disk is full: writes are refused until there is room, reads go on.",
        502: "The log or a snapshot is damaged; the message names the file and the place.",
        503: "The disk did not confirm a write: the node stops.",
        504: "A file could not be read or written.",
        505: "Another process has the data directory.",
        506: "The server is stopping.",
        507: "The configuration is not possible; the message names the setting.",
        508: "The server or the client has stopped.",
        509: "This node does not lead; ask the one that does.",
        510: "Another change of the cluster's members is under way, or the new one lags too far.",
        511: "The node was removed from its cluster; it may come back only as a new one.",
        512: "Nodes disagree about what was committed: this one stops before it spreads.",
        600:
            "The library that runs programs is not there, or is another version: `sh scripts/get-wasmtime.sh`.",
        601: "The module is not one that can be a program; the message says why.",
        602: "The module, its arguments or its memory are larger than a program's may be.",
        603:
            "The program refused its arguments or records, or trapped on them; nothing was deployed.",
        604: "The saved state of a program is damaged or of another module.",
        605: "The program failed too often: its topic takes no writes until it is replaced.",
        610: "The program could not be built, or what was built is no program.",
    ]
}
