//! Outlines of a font file into black and white dots.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{LazyLock, OnceLock},
};

use ab_glyph::{Font as _, FontVec, GlyphId, PxScale, point};

/// Where Debian's packages put fonts with hanzi: fonts-wqy-microhei, fonts-wqy-zenhei, fonts-noto-cjk, fonts-droid-fallback,
/// fonts-arphic-uming.
const PLACES: &[&str] = &[
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/truetype/arphic/uming.ttc",
];

/// Where fonts are that have what those lack: rare hanzi in fonts-hanazono and unifont, signs in fonts-dejavu-core and
/// fonts-symbola.
const RARE_PLACES: &[&str] = &[
    "/usr/share/fonts/truetype/hanazono/HanaMinA.ttf",
    "/usr/share/fonts/truetype/hanazono/HanaMinB.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/ancient-scripts/Symbola_hint.ttf",
    "/usr/share/fonts/opentype/unifont/unifont.otf",
    "/usr/share/fonts/opentype/unifont/unifont_upper.otf",
];

/// A glyph drawn larger than this on a side is not drawn: 24 dots by 8 times are 192.
const GLYPH_MAX_DOTS: u16 = 256;

/// How much of a dot the outline must cover to make it black. Below a half, because thermal dots run into each other.
const BLACK_FROM: f32 = 0.4;

/// Part of a cell's height above the baseline.
const ASCENT: f32 = 0.86;

/// A font with hanzi, and others for what it lacks.
#[derive(Debug)]
pub struct Font {
    face: FontVec,
    /// Files that are opened when a character is asked for that the first has not.
    further: Vec<PathBuf>,
    opened: OnceLock<Vec<FontVec>>,
}

/// Why there is no font.
#[derive(Debug)]
pub enum FontError {
    /// No font with hanzi where Debian puts them.
    NotFound,
    /// The file cannot be read.
    Unreadable(PathBuf, std::io::Error),
    /// The file is no font, or one without hanzi.
    Unusable(PathBuf),
}

impl fmt::Display for FontError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str(
                "没有找到中文字体, 请安装软件包 fonts-wqy-microhei / no font with Chinese characters found: \
                 install the package fonts-wqy-microhei",
            ),
            Self::Unreadable(path, error) => {
                write!(f, "字体文件无法读取 / the font file cannot be read: {}: {error}", path.display())
            }
            Self::Unusable(path) => {
                write!(f, "字体文件没有中文 / not a font with Chinese characters: {}", path.display())
            }
        }
    }
}

impl std::error::Error for FontError {}

impl Font {
    /// Opens a TrueType or OpenType file, or the first font of a collection.
    ///
    /// # Errors
    /// The file is missing, no font, or has no hanzi.
    pub fn open(path: &Path) -> Result<Self, FontError> {
        let face = read(path)?;
        if face.glyph_id('收') == GlyphId(0) {
            return Err(FontError::Unusable(path.to_owned()));
        }
        Ok(Self { face, further: Vec::new(), opened: OnceLock::new() })
    }

    /// Opens the first font with hanzi that is installed; the others serve for what it lacks.
    ///
    /// # Errors
    /// [`FontError::NotFound`], which names the package to install.
    pub fn find() -> Result<Self, FontError> {
        let mut places = PLACES.iter().chain(RARE_PLACES).map(Path::new);
        let first = places.by_ref().take(PLACES.len()).find_map(|place| Self::open(place).ok());
        Ok(Self { further: places.map(Path::to_owned).collect(), ..first.ok_or(FontError::NotFound)? })
    }

    /// [`Self::find`], once for the whole process.
    #[must_use]
    pub fn installed() -> Option<&'static Self> {
        static INSTALLED: LazyLock<Option<Font>> = LazyLock::new(|| Font::find().ok());
        INSTALLED.as_ref()
    }

    /// Whether the character can be drawn.
    #[must_use]
    pub fn has(&self, c: char) -> bool {
        self.face_of(c).is_some()
    }

    fn face_of(&self, c: char) -> Option<&FontVec> {
        // A font of coloured pictures has the character and no outline of it.
        let draws = |face: &&FontVec| {
            let id = face.glyph_id(c);
            id != GlyphId(0) && face.outline(id).is_some()
        };
        let opened = || self.opened.get_or_init(|| self.further.iter().filter_map(|path| read(path).ok()).collect());
        Some(&self.face).filter(draws).or_else(|| opened().iter().find(draws))
    }

    /// Calls `dot` for every black dot of a character drawn into a cell of `wide` by `high` dots. Dots may lie a little
    /// outside the cell.
    #[expect(clippy::float_arithmetic, reason = "outlines are scaled in floats; no money here")]
    pub(super) fn draw(&self, c: char, wide: u16, high: u16, mut dot: impl FnMut(i32, i32)) {
        if wide > GLYPH_MAX_DOTS || high > GLYPH_MAX_DOTS {
            return;
        }
        if c == ' ' {
            return;
        }
        let (cell_wide, cell_high) = (f32::from(wide), f32::from(high));
        // One that no font has shows what the first has for such.
        let face = self.face_of(c).unwrap_or(&self.face);
        let id = face.glyph_id(c);
        let Some(units) = face.units_per_em() else { return };
        // ab_glyph's scale is the height from descender to ascender, ours is the em square.
        let high_scale = cell_high * face.height_unscaled() / units;
        let advance = face.h_advance_unscaled(id) / units * cell_high;
        // A letter's cell is half a square, a hanzi's a whole one; what is wider is squeezed, as in a printer's own font.
        let natural = if c.is_ascii() { cell_high / 2.0 } else { cell_high };
        let squeeze = if advance > natural { natural / advance } else { 1.0 };
        let stretch = squeeze * cell_wide / natural;
        let left = (cell_wide - advance * stretch) / 2.0;
        let scale = PxScale { x: high_scale * stretch, y: high_scale };
        let glyph = id.with_scale_and_position(scale, point(left, cell_high * ASCENT));
        let Some(outline) = face.outline_glyph(glyph) else { return };
        let bounds = outline.px_bounds();
        let (min_x, min_y) = (whole(bounds.min.x), whole(bounds.min.y));
        outline.draw(|x, y, coverage| {
            if coverage >= BLACK_FROM
                && let (Ok(x), Ok(y)) = (i32::try_from(x), i32::try_from(y))
            {
                dot(min_x + x, min_y + y);
            }
        });
    }
}

fn read(path: &Path) -> Result<FontVec, FontError> {
    let bytes = fs::read(path).map_err(|error| FontError::Unreadable(path.to_owned(), error))?;
    FontVec::try_from_vec_and_index(bytes, 0).map_err(|_| FontError::Unusable(path.to_owned()))
}

/// The bounds of an outline are whole numbers of dots within a few hundred.
#[expect(clippy::as_conversions, reason = "there is no other way from a float, and it saturates")]
const fn whole(value: f32) -> i32 {
    value as i32
}
