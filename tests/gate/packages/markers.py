"""Words that stand in one place of the calls and nowhere else.

Whatever of them is exported shows that content left, and which. Each is plain letters and digits, so that it
survives JSON, base64 and a reprint; none is part of another.
"""


class Marker:
    """The words, by what they stand for. Plain strings: some packages describe an enumeration in full."""

    SYSTEM = "SystemMark1x"
    USER = "UserMark2xyz"
    ASSISTANT = "AssistantMark3x"
    IMAGE = "ImageMark4xy"
    FILE = "FileMark5xyz"
    FILE_NAME = "FileNameMark6x"
    TOOL_DESCRIPTION = "ToolDescriptionMark7x"
    TOOL_SCHEMA = "ToolSchemaMark8x"
    TOOL_ARGUMENTS = "ToolArgumentsMark9x"
    TOOL_RESULT = "ToolResultMark10x"
    ANSWER_SCHEMA = "AnswerSchemaMark11x"
    STOP = "StopMark12x"
    PREDICTION = "PredictionMark13x"
    METADATA = "MetadataMark14x"
    HEADER = "HeaderMark15x"
    INSTRUCTIONS = "InstructionsMark16x"
    PROMPT = "PromptMark17x"
    SUFFIX = "SuffixMark18x"
    EMBEDDED = "EmbeddedMark19x"
    DRAWN = "DrawnMark20x"
    HEARD = "HeardMark21x"
    OUTPUT = "OutputMark22x"
    REFUSAL = "RefusalMark23x"
    REASONING = "ReasoningMark24x"
    REVISED = "RevisedMark25x"
    PICTURE = "PictureMark26"
    TRANSCRIPT = "TranscriptMark27x"
    ERROR = "ErrorMark28x"
    CONSUMER = "ConsumerMark29x"
    VECTOR = "7654321.0"
    END_USER = "EndUserMark31x"


PERSONAL = frozenset({"END_USER"})
"""Names a person: personal data, but not what was said. It may leave with the span."""

CONTENT = {name: marker for name, marker in vars(Marker).items() if name.isupper() and name not in PERSONAL}
"""Every word that must not leave."""
