package session
import ("testing";"syscall")
func cpu() int64 { var r syscall.Rusage; syscall.Getrusage(0,&r); return r.Utime.Nano()+r.Stime.Nano() }
func zrun(b *testing.B, f func(i int)) {
	for range 5 { 
	t:=cpu(); for i:=range 1000000 { f((i*7919)%benchSessions) }
	b.Logf("%d ns cpu", (cpu()-t)/1000000) }
}
func BenchmarkZ(b *testing.B) {
	st, ids := fill(b)
	m := map[string]*Session{}
	for _, id := range ids { m[string(id)] = &Session{ID: string(id)} }
	b.Log("get"); zrun(b, func(i int){ st.Get(ids[i], "alice") })
	b.Log("same"); zrun(b, func(i int){ st.Get(ids[5], "alice") })
	b.Log("map"); zrun(b, func(i int){ if m[string(ids[i])].ID=="" {panic(1)} })
	b.Log("find"); zrun(b, func(i int){ k,_ := keyOf(ids[i]); st.table.Get(k) })
	b.Log("hash"); zrun(b, func(i int){ k,_ := keyOf(ids[i]); if k.hash()==0 {panic(1)} })
}
