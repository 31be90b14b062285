//! The shell that SQLite calls: C pointers in, a disk's answers out. The only unsafe code here.
//!
//! What every function relies on: SQLite passes a file it had opened here and has not closed, buffers as long as it says, and text
//! that ends in a zero.
#![allow(unsafe_code, reason = "SQLite's interface is C")]

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    mem::size_of,
    ptr, slice,
    sync::{
        Arc, Mutex, Once, PoisonError,
        atomic::{Ordering, fence},
    },
};

use rusqlite::ffi;

use crate::{
    file::SECTOR,
    folder::Folder,
    lock::Memory,
    random::Random,
    registry::{self, Shared},
    state::{Answer, Held, State},
};

/// The VFS's name, for `Connection::open_with_flags_and_vfs`.
pub const VFS: &str = "guitai-disk";

const NAME: &CStr = c"guitai-disk";

/// Longest path, in bytes, with the zero.
const PATH_MAX: c_int = 512;

/// The time SQLite is told, in ms of the Julian calendar: 1 January 2026, 00:00 UTC.
const FIXED_TIME_MS: i64 = 212_633_985_600_000;

static REGISTER: Once = Once::new();

/// What SQLite draws from the VFS, for names of temporary files.
static CHANCE: Mutex<Option<Random>> = Mutex::new(None);

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// An open file as SQLite holds it: it gives the room for it, and reads only the first field.
#[repr(C)]
struct Handle {
    base: ffi::sqlite3_file,
    opened: *mut Opened,
}

struct Opened {
    disk: Arc<Shared>,
    held: Held,
    /// Kept while mapped, and by a dead process's handle as long as it is not closed.
    memory: Option<Arc<Memory>>,
    /// The name to delete when it is closed.
    passing: Option<String>,
}

/// Makes the VFS known to SQLite, once.
pub(crate) fn register() {
    REGISTER.call_once(|| {
        let vfs = ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: c_int::try_from(size_of::<Handle>()).unwrap_or(c_int::MAX),
            mxPathname: PATH_MAX,
            pNext: ptr::null_mut(),
            zName: NAME.as_ptr(),
            pAppData: ptr::null_mut(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: None,
            xCurrentTimeInt64: Some(current_time_ms),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        };
        // SAFETY: it is never freed, and all it points to is static. SQLite links it into its list, so it must be writable.
        let code = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0) };
        assert_eq!(code, ffi::SQLITE_OK, "SQLite refused the VFS");
    });
}

fn code(answer: Answer<()>) -> c_int {
    answer.err().unwrap_or(ffi::SQLITE_OK)
}

/// # Safety
/// A path from SQLite, or none.
unsafe fn text<'a>(path: *const c_char) -> Option<&'a str> {
    // SAFETY: not null, and SQLite ends its texts with a zero.
    (!path.is_null()).then(|| unsafe { CStr::from_ptr(path) }).and_then(|path| path.to_str().ok())
}

/// # Safety
/// A file opened here and not closed; SQLite uses a file from one thread at a time.
unsafe fn opened<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Opened {
    // SAFETY: SQLite gave room for a whole `Handle`, and `open` has filled it.
    unsafe { &mut *(*file.cast::<Handle>()).opened }
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite's room for a file; without methods it is closed to SQLite.
    unsafe { (*file).pMethods = ptr::null() };
    // SAFETY: a path or none.
    let path = unsafe { text(name) };
    // A file without a name is a temporary one: a disk of its own holds it.
    let found = match path {
        Some(path) => registry::find(path).map(|(disk, name)| (disk, Some(name))),
        None => Some((registry::add(State::new(0, Folder::default())), None)),
    };
    let Some((disk, name)) = found else { return ffi::SQLITE_CANTOPEN };
    let held = match disk.state().open(name, flags) {
        Ok(held) => held,
        Err(code) => return code,
    };
    let passing = name.filter(|_| flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0).map(str::to_owned);
    let opened = Box::into_raw(Box::new(Opened { disk, held, memory: None, passing }));
    let handle = Handle { base: ffi::sqlite3_file { pMethods: &raw const METHODS }, opened };
    // SAFETY: SQLite's room is as large as `szOsFile` says; the flags are its own variable or none.
    unsafe {
        file.cast::<Handle>().write(handle);
        if !out_flags.is_null() {
            *out_flags = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: the box that `open` made; SQLite closes once.
    let opened = unsafe { Box::from_raw((*file.cast::<Handle>()).opened) };
    let mut state = opened.disk.state();
    if let Some(name) = opened.passing.as_ref().filter(|_| state.len(opened.held).is_ok()) {
        // A temporary file that stays hurts nobody.
        let _ = state.delete(name, false);
    }
    state.close(opened.held);
    drop(state);
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, amount: c_int, offset: i64) -> c_int {
    let (Ok(amount), Ok(offset)) = (usize::try_from(amount), usize::try_from(offset)) else {
        return ffi::SQLITE_IOERR_READ;
    };
    // SAFETY: an open file, and a buffer of that length.
    let (opened, into) = unsafe { (opened(file), slice::from_raw_parts_mut(into.cast::<u8>(), amount)) };
    match opened.disk.state().read(opened.held, offset, into) {
        Ok(there) if there == amount => ffi::SQLITE_OK,
        Ok(_) => ffi::SQLITE_IOERR_SHORT_READ,
        Err(code) => code,
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, amount: c_int, offset: i64) -> c_int {
    let (Ok(amount), Ok(offset)) = (usize::try_from(amount), usize::try_from(offset)) else {
        return ffi::SQLITE_IOERR_WRITE;
    };
    // SAFETY: an open file, and a buffer of that length.
    let (opened, from) = unsafe { (opened(file), slice::from_raw_parts(from.cast::<u8>(), amount)) };
    code(opened.disk.state().write(opened.held, offset, from))
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, len: i64) -> c_int {
    let Ok(len) = usize::try_from(len) else { return ffi::SQLITE_IOERR_TRUNCATE };
    // SAFETY: an open file.
    let opened = unsafe { opened(file) };
    code(opened.disk.state().set_len(opened.held, len))
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { opened(file) };
    code(opened.disk.state().sync(opened.held))
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut i64) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { opened(file) };
    match opened.disk.state().len(opened.held).map(i64::try_from) {
        Ok(Ok(len)) => {
            // SAFETY: SQLite's own variable.
            unsafe { *out = len };
            ffi::SQLITE_OK
        }
        Ok(Err(_)) => ffi::SQLITE_IOERR_FSTAT,
        Err(code) => code,
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { opened(file) };
    code(opened.disk.state().lock(opened.held, level))
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { opened(file) };
    code(opened.disk.state().unlock(opened.held, level))
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { opened(file) };
    match opened.disk.state().is_reserved(opened.held) {
        Ok(is_reserved) => {
            // SAFETY: SQLite's own variable.
            unsafe { *out = c_int::from(is_reserved) };
            ffi::SQLITE_OK
        }
        Err(code) => code,
    }
}

/// Nothing of what SQLite may ask for: it goes on without.
unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    c_int::try_from(SECTOR).unwrap_or(c_int::MAX)
}

/// Nothing is promised.
unsafe extern "C" fn device_characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    0
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    bytes: c_int,
    make: c_int,
    out: *mut *mut c_void,
) -> c_int {
    let (Ok(region), Ok(bytes)) = (usize::try_from(region), usize::try_from(bytes)) else {
        return ffi::SQLITE_IOERR_SHMMAP;
    };
    // SAFETY: an open file.
    let opened = unsafe { opened(file) };
    let memory = match opened.disk.state().map(opened.held) {
        Ok(memory) => memory,
        Err(code) => return code,
    };
    let address = memory.region(region, bytes, make != 0);
    opened.memory = Some(memory);
    // SAFETY: SQLite's own variable. The region lives as long as `opened.memory`, and its words may be written by anybody.
    unsafe { *out = address.map_or(ptr::null_mut(), |address| address.cast_mut().cast()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    let (Ok(first), Ok(count)) = (u32::try_from(first), u32::try_from(count)) else {
        return ffi::SQLITE_IOERR_SHMLOCK;
    };
    // SAFETY: an open file.
    let opened = unsafe { opened(file) };
    code(opened.disk.state().slots(opened.held, first, count, flags))
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    fence(Ordering::SeqCst);
    // SAFETY: an open file. Taking the lock orders this thread with all others.
    drop(unsafe { opened(file) }.disk.state());
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: an open file; SQLite does not touch the memory after this.
    let opened = unsafe { opened(file) };
    let answer = opened.disk.state().unmap(opened.held);
    opened.memory = None;
    code(answer)
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, path: *const c_char, synced: c_int) -> c_int {
    // SAFETY: a path.
    let Some((disk, name)) = unsafe { text(path) }.and_then(registry::find) else { return ffi::SQLITE_IOERR_DELETE };
    code(disk.state().delete(name, synced != 0))
}

unsafe extern "C" fn access(_: *mut ffi::sqlite3_vfs, path: *const c_char, _: c_int, out: *mut c_int) -> c_int {
    // SAFETY: a path.
    let Some((disk, name)) = unsafe { text(path) }.and_then(registry::find) else { return ffi::SQLITE_IOERR_ACCESS };
    // SAFETY: SQLite's own variable.
    unsafe { *out = c_int::from(disk.state().exists(name)) };
    ffi::SQLITE_OK
}

/// Paths are whole as they come.
unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: a path.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes_with_nul();
    if usize::try_from(room).is_ok_and(|room| path.len() <= room) {
        // SAFETY: there is room, and SQLite's buffers do not overlap.
        unsafe { ptr::copy_nonoverlapping(path.as_ptr().cast(), out, path.len()) };
        return ffi::SQLITE_OK;
    }
    ffi::SQLITE_CANTOPEN
}

unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, amount: c_int, out: *mut c_char) -> c_int {
    let bytes = usize::try_from(amount).unwrap_or(0);
    // SAFETY: a buffer of that length.
    let out = unsafe { slice::from_raw_parts_mut(out.cast::<u8>(), bytes) };
    let mut chance = CHANCE.lock().unwrap_or_else(PoisonError::into_inner);
    chance.get_or_insert_with(|| Random::of(0, 0)).fill(out);
    amount
}

/// Who waits for a lock lets others run; time does not pass.
unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    std::thread::yield_now();
    micros
}

unsafe extern "C" fn current_time(_: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    // SAFETY: SQLite's own variable. The same moment, in days.
    unsafe { *out = 2_461_041.5 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn current_time_ms(_: *mut ffi::sqlite3_vfs, out: *mut i64) -> c_int {
    // SAFETY: SQLite's own variable.
    unsafe { *out = FIXED_TIME_MS };
    ffi::SQLITE_OK
}
