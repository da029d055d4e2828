import gc, sys
from tests.openai_client.test_streams import *
from tests.openai_client.test_streams import _nothing_went_wrong
def chain(o, d=0, seen=None):
    seen = seen if seen is not None else set()
    if d>12 or id(o) in seen: return
    seen.add(id(o))
    for r in gc.get_referrers(o):
        if id(r) in seen: continue
        t=type(r).__name__
        if t=="frame" and r.f_code.co_name in ("chain","test_z","<listcomp>"): continue
        if t in ("list_iterator","cell") and 0: continue
        if t=="list" and (not r or len(r)>6 or r is seen): continue
        print(" "*d, t, (repr(r)[:140]).replace("\n"," "))
        chain(r, d+1, seen)
@pytest.mark.parametrize("i", range(40))
def test_z(residency, internet, i):
    kind=Async()
    client = kind.open()
    broken_off_by_exception(kind, lambda: kind.run(client.chat.completions.create(**CHAT.arguments)))
    finished(kind, residency)
    if not residency.spans:
        left=[x for x in gc.get_objects() if type(x) is openai.AsyncStream]
        print("LEFT", left, gc.get_count(), gc.get_freeze_count(), gc.isenabled())
        import threading, traceback
        for tid, fr in sys._current_frames().items():
            print("THREAD", tid, fr.f_code.co_filename[-40:], fr.f_code.co_name, fr.f_lineno, fr.f_back and (fr.f_back.f_code.co_name, fr.f_back.f_lineno))
        n=gc.collect(); print("plain", n)
        gc.unfreeze()
        agens=[x for x in gc.get_objects() if type(x).__name__ in ("async_generator","AsyncStream","coroutine","async_generator_asend","async_generator_athrow")]
        print("AGENS", agens)
        for a in agens:
            print("REF", a, [ (type(r).__name__, repr(r)[:100]) for r in gc.get_referrers(a) if r is not agens and type(r).__name__ not in ("list_iterator",)], sys.getrefcount(a))
        del agens, a
        n=gc.collect(); print("collected", n, len([x for x in gc.get_objects() if type(x) is openai.AsyncStream]))
        if left:
            s=left[0]; left.clear()
            chain(s)
        assert 0
    kind.close()
