"""The naive design's work: none."""


def work(request):
    return {"count": len(request["memories"])}
