//go:build vm

package process_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mcploop/mcploop/client/process"
)

// someone is a user that may do nothing.
const someone = 1000

// service makes a cgroup as systemd does for a service: with controllers handed on from above and,
// if it is delegated, owned by its user.
func service(t *testing.T, controllers string, delegated bool) string {
	t.Helper()
	root := process.CgroupHome()
	for _, control := range []string{"memory", "cpu", "pids"} {
		if !process.CgroupHas(control) {
			t.Fatalf("there is no controller %s", control)
		}
	}
	slice, err := os.MkdirTemp(root, "slice-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(slice, 0o755); err != nil { // MkdirTemp's are for us alone
		t.Fatal(err)
	}
	write(t, filepath.Join(slice, "cgroup.subtree_control"), controllers)
	dir := filepath.Join(slice, "service")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
		if err := os.Remove(slice); err != nil {
			t.Error(err)
		}
	})
	if delegated {
		for _, name := range []string{
			"", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads",
		} {
			if err := os.Chown(filepath.Join(dir, name), someone, someone); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

// runIn runs this binary as that user in a cgroup. It starts a program of its own with all limits
// and returns what it logs.
func runIn(t *testing.T, dir string, uid uint32) string {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out bytes.Buffer
	cmd := exec.Command(playing("delegate")[0], playing("delegate")[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{
		UseCgroupFD: true, CgroupFD: int(f.Fd()),
		Credential: &syscall.Credential{Uid: uid, Gid: uid},
	}
	if err := cmd.Run(); err != nil {
		t.Errorf("%v: %s", err, &out)
	}
	main := filepath.Join(dir, "mcploop-main")
	if err := os.Remove(main); err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	return out.String()
}

// TestVMDelegated: what is in force, and what is said, in the cgroups that a service may get.
func TestVMDelegated(t *testing.T) {
	const all = "+memory +cpu +pids"
	f := func(name string, uid uint32, dir string, want ...string) {
		t.Helper()
		got := runIn(t, dir, uid)
		for _, w := range append(want, "it ran: ") {
			if !strings.Contains(got, w) {
				t.Errorf("%s: it says\n%s\nwant %q in it", name, got, w)
			}
		}
	}
	f("delegated", someone, service(t, all, true), "level=INFO",
		"memory 33554432 bytes by cgroup, cpu 1.5 by cgroup, pids 50 by cgroup")
	f("root", 0, service(t, all, false), "level=INFO",
		"memory 33554432 bytes by cgroup, cpu 1.5 by cgroup, pids 50 by cgroup")
	f("not delegated", someone, service(t, all, false), "level=WARN",
		"memory 33554432 bytes for each process by RLIMIT_DATA", "cpu not in force: mkdir ",
		"pids not in force: mkdir ", "permission denied")
	f("without controllers", someone, service(t, "+pids", true), "level=WARN",
		"memory 33554432 bytes for each process by RLIMIT_DATA",
		"cpu not in force: our cgroup has not got the controller", "pids 50 by cgroup")
}

// TestVMNotAlone: processes of others in our cgroup keep controllers from being handed on, and that
// is said.
func TestVMNotAlone(t *testing.T) {
	dir := service(t, "+memory +cpu +pids", false)
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	other := exec.Command("sleep", "999")
	other.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
	err = other.Start()
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	got := runIn(t, dir, 0)
	for _, want := range []string{
		"pids not in force: ", "1 processes that are not ours are in our cgroup", "it ran: ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it says\n%s\nwant %q in it", got, want)
		}
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait() // it was killed
}
