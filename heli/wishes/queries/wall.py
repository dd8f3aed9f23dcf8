"""stub"""
def describe_wishes(ids, actor):
    return {}
