import ThalwegModel
import ThalwegWire

extension Vector {
    static func programs() throws -> [Vector] {
        let info = ProgramInfo(
            topic: "bank", name: "Transfer", hash: Array(0..<32), moduleBytes: 4,
            deployedAt: Timestamp(microseconds: 1_000), writes: 9, rejected: 2, failed: 1,
            memoryBytes: 65_536, isFaulting: false, stateHash: 0x0102_0304_0506_0708,
            lines: ["hello"])
        return [
            try message(
                "topics", "hash_topic", id: 33, HashTopic("bank"), [("name", "bank")]),
            try message(
                "topics", "topic_hashed", id: 33, TopicHashed(offset: Offset(9), hash: 255),
                [("offset", "9"), ("hash", "ff")]),
            try message(
                "programs", "deploy_program", id: 30,
                DeployProgram(
                    topic: "bank", name: "Transfer", loadsRecords: true, arguments: [7],
                    module: [0, 0x61, 0x73, 0x6d]),
                [
                    ("topic", "bank"), ("name", "Transfer"), ("loads_records", "true"),
                    ("arguments", "07"), ("module", "0061736d"),
                ]),
            try message(
                "programs", "remove_program", id: 31, RemoveProgram("bank"), [("topic", "bank")]),
            try message(
                "programs", "describe_programs", id: 32, DescribePrograms("bank"),
                [("topic", "bank")]),
            try message(
                "programs", "program_list", id: 32, ProgramList([info]),
                [
                    ("count", "1"), ("topic_0", "bank"), ("name_0", "Transfer"),
                    ("writes_0", "9"), ("rejected_0", "2"), ("failed_0", "1"),
                    ("state_hash_0", "102030405060708"), ("line_0_0", "hello"),
                ]),
        ]
    }
}
